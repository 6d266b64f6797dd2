"""`removed:`: which of what is no longer declared is let go of and kept, and which entries of it mean nothing. Pure.

An entry is an address, a glob over addresses, or the name of what was a group (`assets/clips` for what `files:` under
it made, `assets/clips.final.mp4` and so on). All that lives in what it means goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate

from reconciler.lazily import difflib

__all__ = ["LettingGo", "is_glob"]

MOST_COMPARED = 2_000


class LettingGo:
    """The entries of one stack, and which of them have meant something so far."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._idle = dict.fromkeys(entries)
        self._plain = {entry for entry in entries if not is_glob(entry)}
        self._globs = {entry: re.compile(_either(entry, f"{entry}/*")) for entry in entries if is_glob(entry)}

    def has(self, address: str) -> bool:
        """Whether an address is let go of; the entries that say so are not idle."""
        found = [entry for entry in _heads(address) if entry in self._plain] if self._plain else []
        found += [entry for entry, pattern in self._globs.items() if pattern.match(address)]
        for entry in found:
            self._idle.pop(entry, None)
        return bool(found)

    def problems(self, going: Iterable[str]) -> Iterator[tuple[str, str]]:
        """(entry, what is wrong with it) for those that mean nothing while something else is `going` to be deleted.

        When nothing is, they have done what they were for, and hurt nobody.
        """
        known = list(going)
        for entry in self._idle if known else ():
            near = difflib.get_close_matches(entry, known[:MOST_COMPARED], n=1)
            meant = f"did you mean {near[0]}? It would be deleted" if near else f"{known[0]} would be deleted"
            yield entry, f"under `removed:`, and nothing is known by it; correct it, or take it out; {meant}"


def is_glob(entry: str) -> bool:
    """Whether it is a pattern and no address: names have none of these characters."""
    return re.search(r"[*?\[]", entry) is not None


def _either(*globs: str) -> str:
    return "|".join(f"(?:{translate(glob)})" for glob in globs)


def _heads(address: str) -> Iterator[str]:
    """The address, what it lives in, and each group that it or one of those may have been of."""
    words = address.split("/")
    for end in range(2, len(words) + 1, 2):
        before = "/".join(words[: end - 1])
        name = words[end - 1]
        yield f"{before}/{name}"
        yield from (f"{before}/{name[: dot.start()]}" for dot in re.finditer(r"\.", name))
