"""Another process that writes: `python -m tests.results.writer URL ROOT DIM HOW…`.

- `kill STEP STEPS`: replaces a set a few times to see how long that takes, goes on, and is killed after STEP/STEPS of
  that time, by a process of its own that no lock of this one holds up.
- `for SETS`: replaces it so many times, and says `begun` before.
- `same SETS`: the same set, so many times; what several of these do at once is one set.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
from pathlib import Path

LARGE, SMALL = 40, 30
"""How many rows the two sets have."""


def killer() -> int:
    """A process that kills this one; gives where to write in how many seconds."""
    reading, writing = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        os.close(writing)
        if len(said := os.read(reading, 8)) == 8:
            select.select([], [], [], struct.unpack("d", said)[0])
            os.kill(parent, signal.SIGKILL)
        os._exit(0)
    os.close(reading)
    return writing


def main(url: str, root: str, dim: str, how: str, *numbers: str) -> None:
    """See above."""
    writing = killer() if how == "kill" else -1

    from reconciler.results import open_store
    from tests.results.sets import a_set

    length = int(dim) or None
    sets = [a_set(1, LARGE, dim=length), a_set(2, SMALL, dim=length)]
    store = open_store(url, root=Path(root), table="clips")
    if how == "same":
        for _ in range(int(numbers[0])):
            store.replace(*sets[0])
        return
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    if how == "for":
        for number in range(int(numbers[0])):
            store.replace(*sets[number % 2])
        store.close()
        return
    step, steps = map(int, numbers)
    took = []
    for number in range(3):
        began = time.perf_counter()
        store.replace(*sets[number % 2])
        took.append(time.perf_counter() - began)
    os.write(writing, struct.pack("d", min(took) * step / steps))
    for number in range(1000):
        store.replace(*sets[1 - number % 2])


if __name__ == "__main__":
    main(*sys.argv[1:])
