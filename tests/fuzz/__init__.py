"""Fuzzers: what is read from others is damaged at random, and may give a clear error or a right result, nothing else.

Every input has a seed of its own, which its failure names. `make test` tries a few, `make fuzz` many:

    FUZZ_RUNS=100 python -m pytest tests/fuzz            a hundred times as many
    FUZZ_ONLY=loader/1/4711 python -m pytest tests/fuzz  this one input of this fuzzer, again
    FUZZ_SEED=2                                          other inputs

A fuzzer is a test that goes through `inputs` and does its work `bounded`:

    def test_a_damaged_state_is_an_error_of_its_own() -> None:
        for random, seed in inputs("state", 30):
            with bounded(seed):
                …
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType

__all__ = ["SECONDS", "bounded", "damaged", "inputs"]

SECONDS = 2.0
"""Of this process's own work: one input that takes longer is a hang."""


class Hang(AssertionError):
    """An input took too long."""


def inputs(fuzzer: str, count: int) -> Iterator[tuple[Random, str]]:
    """So many times FUZZ_RUNS sources of chance, each with the seed that makes it anew."""
    only = os.environ.get("FUZZ_ONLY")
    if only is not None:
        if only.startswith(f"{fuzzer}/"):
            yield Random(only), only
        return
    series = os.environ.get("FUZZ_SEED", "1")
    for number in range(round(count * float(os.environ.get("FUZZ_RUNS", "1")))):
        seed = f"{fuzzer}/{series}/{number}"
        yield Random(seed), seed


@contextmanager
def bounded(seed: str, seconds: float = SECONDS) -> Iterator[None]:
    """Ends a hang, and adds the seed to whatever goes wrong. Processor time counts: the machine may be busy."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang(f"takes longer than {seconds:g} s: FUZZ_ONLY={seed}")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except BaseException as error:
        error.add_note(f"again: FUZZ_ONLY={seed}")
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def damaged(data: bytes, random: Random) -> bytes:
    """The bytes with a few changes: flipped, cut, doubled, dropped, or with something odd put in."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        start = random.randint(0, len(data))
        end = min(len(data), start + random.choice((1, 1, 2, 8, 40)))
        match random.randrange(5):
            case 0:
                put = random.randbytes(random.choice((1, 2, 4)))
            case 1:
                put = b""
            case 2:
                put = data[start:end] * 2
            case 3:
                put = random.choice(ODD)
            case _:
                data, put, end = data[: max(start, 1)], b"", start
        data = data[:start] + put + data[end:]
    return data


ODD = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[31m", b"\r", b"\n\n", b"\t"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"-1", b"1e999", b"NaN", b"9" * 400, b"[" * 300, b'{"a":' * 300),
    *(b"::error::x", b"${", b"${env.HUSH}", b"$env", b"../", b"/", b"%00", b"\\ud800", b"'", b'"', b"#", b": ", b"- "),
)
