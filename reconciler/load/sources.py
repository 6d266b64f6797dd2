"""Which files make up a stack, and that none of them is outside of its directory, also not through a link."""

from __future__ import annotations

import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from fnmatch import translate
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.inside import Outside, is_hidden, read_inside, where_it_leads
from reconciler.lazily import difflib
from reconciler.load.wording import is_text
from reconciler.load.yaml.positions import Positions
from reconciler.load.yaml.reader import MOST_BYTES

__all__ = ["Outside", "Root", "TextFile"]

YAML_SUFFIXES: Final = (".yaml", ".yml")


class TextFile:
    """One file of text: its name as the user would type it, its path under the root, its bytes for a while."""

    __slots__ = ("_again", "_marks", "data", "name", "relative")

    def __init__(self, name: str, relative: str = "", data: bytes = b"", again: Callable[[], bytes] = bytes) -> None:
        self.name = name
        self.relative = relative
        self.data: bytes | None = data
        self._again = again
        self._marks: Positions | None = None

    def marks(self) -> Positions:
        """Positions of its YAML, found when first asked for."""
        if self._marks is None:
            try:
                data = self._again() if self.data is None else self.data
            except (OSError, Outside):
                data = b""
            self._marks = Positions(data.removeprefix(BOM_UTF8).decode(errors="replace"))
        return self._marks

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """For a pickle: how to read it again, and nothing that was read."""
        return None, {name: getattr(self, name) for name in self.__slots__} | {"data": None, "_marks": None}

    def let_go(self) -> None:
        """Keep no bytes: most stacks are right, and nobody asks for a position."""
        self.data = self._marks = None


class Root:
    """The directory that bounds what a stack may read.

    `display` is what the user typed for it. Whether a file is inside is asked once per directory, because a stack
    names its files by the hundred thousand: below a directory that is inside, a file that is no link is inside too.
    """

    def __init__(self, path: Path, display: Path, instead: Mapping[str, bytes] | None = None) -> None:
        self.instead = instead or {}
        """Path of a file → what is read in the place of its bytes."""
        self.path = path
        self.display = display
        self._real = os.path.realpath(path)
        self._inside: dict[str, bool] = {"": True}

    def name(self, relative: str) -> str:
        """The file as the user would type it."""
        return str(self.display / relative)

    def normal(self, written: str) -> str:
        """The path in its plainest form, relative to the root; raises Outside for one that leads out of it."""
        if written.startswith("/") or re.match(r"[A-Za-z]:[\\/]", written):
            raise Outside("must be relative to the directory of the stack")
        if "\0" in written:
            raise Outside("is not a valid path")
        normal = os.path.normpath(written).replace(os.sep, "/")
        if normal == ".." or normal.startswith("../"):
            raise Outside("leads out of the directory of the stack; move the file into it")
        return normal

    def file(self, written: str) -> str:
        """The normal path of a regular file inside the root; raises Outside for any other.

        That it is one is true now; who reads it later opens it by `open_inside`, which asks again.
        """
        relative = self.normal(written)
        if is_hidden(relative):
            raise Outside("is hidden, or in a hidden directory; copy the file out of it")
        if not self._directory_inside(relative.rpartition("/")[0]):
            raise Outside("leads out of the directory of the stack through a link; copy the file into it")
        try:
            # lstat: where a link leads is asked by itself, step by step, and never out of the root.
            mode = os.lstat(f"{self._real}/{relative}").st_mode
        except (OSError, ValueError):
            raise Outside(f"does not exist{self._near(relative)}") from None
        if stat.S_ISLNK(mode):
            mode = self._followed(relative)
        # A named pipe would be waited for without end, and a device read without end.
        if not stat.S_ISREG(mode):
            raise Outside("is a directory, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
        return relative

    def _directory_inside(self, directory: str) -> bool:
        if directory not in self._inside:
            self._inside[directory] = self._leads_inside(directory)
        return self._inside[directory]

    def _leads_inside(self, directory: str) -> bool:
        real = os.path.realpath(f"{self._real}/{directory}")
        below = real.removeprefix(self._real.rstrip("/") + "/")
        if below != real and is_hidden(below):
            raise Outside("is in a hidden directory, through a link; copy the file out of it")
        return below != real or real == self._real

    def _followed(self, relative: str) -> int:
        """The mode of what a link leads to."""
        real = where_it_leads(self._real, relative)
        if is_hidden(real):
            raise Outside("is a link to a hidden file, or into a hidden directory; copy the file out of it")
        try:
            return os.lstat(f"{self._real}/{real}").st_mode
        except OSError:
            raise Outside("is being changed; run again when it is whole") from None

    def _near(self, relative: str) -> str:
        """A file in the same directory whose name is almost the same."""
        directory, _, name = relative.rpartition("/")
        try:
            names = [path.name for path in Path(self._real, directory).iterdir()]
        except OSError:
            return ""
        near = difflib.get_close_matches(name, names[:5_000], n=1)
        return f'; did you mean "{directory + "/" if directory else ""}{near[0]}"?' if near else ""

    def read(self, relative: str) -> TextFile:
        """The bytes of a file inside; raises Outside."""
        relative = self.file(relative)
        again = partial(read_inside, self._real, relative, MOST_BYTES)
        if relative in self.instead:
            again = partial(self.instead.__getitem__, relative)
        return TextFile(self.name(relative), relative, again(), again)

    def exists(self, relative: str) -> bool:
        """Whether there is anything at a normal path."""
        return os.path.lexists(f"{self._real}/{relative}")

    def fixed(self, pattern: str) -> str:
        """The directories of a pattern before its first wild card, as the paths that it finds have them."""
        return _fixed(self.normal(pattern))

    def own_files(self) -> list[str]:
        """The YAML files of the directory itself, sorted; hidden ones and directories are none. Raises Outside."""
        with os.scandir(self._real) as entries:
            found = [entry for entry in entries if entry.name.endswith(YAML_SUFFIXES) and entry.name[0] != "."]
            names = sorted(entry.name for entry in found if not entry.is_dir())
        for name in names:
            _check_name(".", name)
        return names

    def glob(self, pattern: str) -> list[str]:
        """Files that fit the pattern, sorted: `*`, `?` and `[…]` within a name, `**` for any directories.

        Hidden names are passed over and directories that are links are not entered. Raises Outside when the pattern
        leads out of the root.
        """
        normal = self.normal(pattern)
        fits = _Pattern(normal).fits
        return sorted(relative for relative in self._walk(_fixed(normal)) if fits(relative))

    def _walk(self, below: str) -> Iterator[str]:
        top = f"{self._real}/{below}" if below else self._real
        if not self._directory_inside(below):
            raise Outside("leads out of the directory of the stack through a link")
        for directory, inner, names in os.walk(top, onerror=_unread):
            inner[:] = [name for name in inner if name[0] != "."]
            prefix = os.path.relpath(directory, self._real).replace(os.sep, "/")
            for name in names:
                _check_name(prefix, name)
                if name[0] != ".":
                    yield name if prefix == "." else f"{prefix}/{name}"


def _unread(error: OSError) -> None:
    """A directory that cannot be read is no empty one: what is in it would be missed, and planned for deletion."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return  # a pattern may begin with what is not there
    raise Outside(f"finds a directory that cannot be read ({error.strerror}): {Path(error.filename).name!a}")


def _check_name(directory: str, name: str) -> None:
    """Names that cannot be written down are refused, not passed over: what is in such a file would be missed."""
    if not is_text(directory + name):
        raise Outside(f"holds {directory + '/' + name!a}, a name that is not UTF-8; rename it")


def _fixed(pattern: str) -> str:
    """The directories of a pattern before its first wild card."""
    words = pattern.split("/")[:-1]
    wild = next((i for i, word in enumerate(words) if re.search(r"[*?\[]", word)), len(words))
    return "/".join(words[:wild])


class _Pattern:
    """A glob as a small automaton over the words of a path: no pattern can make it slow."""

    def __init__(self, normal: str) -> None:
        # fnmatch's regular expressions for one word do not backtrack over its stars.
        self._words = [None if word == "**" else re.compile(translate(word)) for word in normal.split("/")]

    def fits(self, relative: str) -> bool:
        """Whether the path is one that the pattern means; a last `**` means all files below."""
        states = self._skip({0})
        for word in relative.split("/"):
            states = self._skip({after for state in states for after in self._step(state, word)})
        return len(self._words) in states

    def _step(self, state: int, word: str) -> Iterator[int]:
        if state < len(self._words):
            pattern = self._words[state]
            if pattern is None:
                yield state
            elif pattern.match(word):
                yield state + 1

    def _skip(self, states: set[int]) -> set[int]:
        """The states that are reached without a word, `**` meaning no directory."""
        reached = set(states)
        for state in sorted(states):
            while state < len(self._words) and self._words[state] is None:
                state += 1
                reached.add(state)
        return reached
