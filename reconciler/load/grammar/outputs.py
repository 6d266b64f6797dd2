"""`outputs:`, names for ids and other facts of what is declared: judged offline, answered by the state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.frozen import dataclass
from reconciler.load.grammar.declarations import Declarations
from reconciler.load.grammar.shapes import Shape
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import OUTPUT_NAME, Output
from reconciler.redact import Secret

__all__ = ["named_outputs"]

_NAME: Final = re.compile(OUTPUT_NAME)
_WORDS: Final = ("from", "at")
_EXAMPLE: Final = "expected an address such as indexes/catalog, or `{from: ADDRESS, at: FACT}`"


def named_outputs(
    found: Sequence[tuple[TextFile, Any]],
    entries: Declarations,
    shapes: Mapping[str, Shape],
    problems: Problems,
    *,
    closed: bool,
) -> dict[str, Output]:
    """name → what it stands for, over all files; `closed` says that an address which is not there is wrong."""
    given: dict[str, Output] = {}
    for source, said in found:
        for name, value in said.items():
            one = _One(source, ("outputs", name), entries, problems, closed)
            if not _NAME.match(name):
                one.say(
                    f'"{cut(name)}" is not a valid name of an output; letters, digits and "_" make one', on_key=True
                )
            elif name in given:
                one.say(f"`{cut(name)}` is given twice", on_key=True)
            elif shapes and (output := one.meant(value)) is not None:
                given[name] = output
    return given


@dataclass(frozen=True, slots=True)
class _One:
    """One entry, and where it stands."""

    source: TextFile
    path: Path
    entries: Declarations
    problems: Problems
    closed: bool

    def meant(self, value: Any) -> Output | None:
        """What it stands for, or a problem."""
        if not isinstance(value, Mapping):
            return self._checked((), value, (), "id")
        unknown = [word for word in value if word not in _WORDS]
        for word in unknown:
            self.say(f'unknown word "{cut(word)}"{self.problems.hint(word, _WORDS)}', word, on_key=True)
        if "from" not in value:
            self.say(f"`from:` is missing; {_EXAMPLE}")
            return None
        return None if unknown else self._checked(("from",), value["from"], ("at",), value.get("at", "id"))

    def _checked(self, from_: Path, address: Any, at: Path, fact: Any) -> Output | None:
        if not isinstance(address, str) or isinstance(address, Secret):
            self.say(f"{_EXAMPLE}, got {a(address)}", *from_)
            return None
        if (group := self.entries.groups.get(address)) is not None:
            such = f", such as {group[0]}" if group else ""
            self.say(f"{address} stands for {len(group)}; name one of them{such}", *from_)
            return None
        if (entry := self.entries.get(address)) is None:
            if self.closed:
                self.say(f'there is no "{cut(address)}"{self.problems.hint(address, self.entries)}', *from_)
            return None
        known = entry.shape.kind.facts_told()
        if not isinstance(fact, str) or fact not in known:
            hint = self.problems.hint(fact, known) if isinstance(fact, str) else ""
            self.say(f"at: {a(fact)} is not known of {address}{hint}; known: {', '.join(known)}", *at)
            return None
        return Output(address, fact)

    def say(self, summary: str, *below: str | int, on_key: bool = False) -> None:
        """A problem, at its place."""
        self.problems.add(Place(self.source, (*self.path, *below), on_key=on_key), f"outputs: {summary}", address="")
