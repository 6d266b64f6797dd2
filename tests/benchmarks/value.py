"""`python -m tests.benchmarks.value`: through how many functions one value goes on its way from the file to the state.

`metadata.rating` of an indexed asset is a number that stands nowhere else. While the stack is planned, applied and
planned again on an emulator, every function of the package that is given it is noted, in the order in which it first
was: the number itself, then also the map of metadata that it stands in, then also the fields of the object. The
emulator is the other side and does not count.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import click

import reconciler
from tests.support.running import Bench

RATING = 9.3127
STACK = f"""\
stack: bench
provider: twelvelabs
assets: {{final: {{url: "https://x.example.com/final.mp4"}}}}
indexes:
  catalog:
    models: [{{name: marengo3.0, options: [visual]}}]
    assets: {{final: {{metadata: {{rating: {RATING}}}}}}}
"""
PACKAGE = Path(reconciler.__file__).parent
EMULATOR = PACKAGE / "emulator"


class Passing:
    """Every function that was given the value, or what holds it so many levels down."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.seen: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(PACKAGE)):
            return
        if code.co_filename.startswith(str(EMULATOR)) or code.co_name.startswith("<"):
            return
        given = (frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        if any(_holds(it, self.levels) for it in given):
            where = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            self.seen[f"{where}:{code.co_qualname}"] = None


def _holds(value: object, levels: int) -> bool:
    if isinstance(value, dict) and levels:
        return any(_holds(item, levels - 1) for item in value.values())
    return isinstance(value, float | str) and str(value) == str(RATING)


def passed(levels: int) -> list[str]:
    """The functions, from a plan and an apply in an empty account and a plan on which nothing changes."""
    passing = Passing(levels)
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        bench.write({"stack.yaml": STACK})
        threading.setprofile(passing)
        sys.setprofile(passing)
        try:
            bench.survey()
            assert not bench.apply().failed
            assert not bench.survey().plan.changes
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return list(passing.seen)


if __name__ == "__main__":
    for levels, what in enumerate(("the value", "or the map that it is in", "or the fields that it is in")):
        click.echo(f"given {what}:")
        for number, name in enumerate(passed(levels), 1):
            click.echo(f"{number:5} {name}")
