"""A directory with a stack and an account served over a socket, driven by the command line as in CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
from tests.support.commandline import Said, reconciler
from tests.support.files import lay_out

__all__ = ["Place", "place"]

KEY = "key-of-the-account"


class Place:
    """`files` are relative to the directory; commands run in it."""

    def __init__(self, directory: Path, served: ServedEmulator) -> None:
        self.directory, self.served = directory, served
        self.api = httpx.Client(base_url=served.url, headers={"x-api-key": KEY}, trust_env=False)

    def write(self, files: Mapping[str, str | bytes]) -> None:
        lay_out(self.directory, files)

    def run(
        self,
        command: str,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        answer: Callable[[], str] | None = None,
    ) -> Said:
        """A command that talks to the account; `answer` is somebody at a terminal."""
        given = {"TWELVELABS_API_KEY": KEY, "NO_COLOR": "1", **(env or {})}
        rest = ("--endpoint", self.served.url, "--poll-interval", "0")
        return reconciler(command, *args, *rest, cwd=self.directory, env=given, answer=answer)

    def offline(self, command: str, *args: str | Path) -> Said:
        """A command that talks to nobody."""
        return reconciler(command, *args, cwd=self.directory, env={"NO_COLOR": "1"})

    def apply(self, *args: str | Path, env: Mapping[str, str] | None = None) -> Said:
        return self.run("apply", "--auto-approve", "--adopt", "--allow-replace", "*", *args, env=env)

    def writes(self) -> list[str]:
        """Requests so far that were to change something, as `METHOD path`."""
        log = self.served.emulator.journal.entries
        return [
            f"{entry.method} {entry.path.removeprefix('/v1.3')}" for entry in log if entry.method not in ("GET", "HEAD")
        ]

    def objects(self, path: str) -> list[dict[str, Any]]:
        """What a list of the API says, oldest first."""
        answer = self.api.get(path, params={"page_limit": 50}).json()
        return sorted(answer["data"], key=lambda item: str(item["created_at"]))


@contextmanager
def place(directory: Path, **options: Any) -> Iterator[Place]:
    """A place with an empty account; `options` are the emulator's."""
    emulator = app(**options)
    with ServedEmulator(emulator) as served:
        made = Place(directory, served)
        try:
            yield made
        finally:
            made.api.close()
    emulator.close()
