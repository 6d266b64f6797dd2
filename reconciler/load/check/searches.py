"""Search checks against what the stack declares: each name means something, and what is asked can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reconciler.checks.words import MEMBER
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.load.grammar.checks import WrittenCheck
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import Asked, Check, CheckQuery, Expectation, Fit, Floor, Match, Resource
from reconciler.provider import MENTION, Search

__all__ = ["SearchChecks"]

URLS = ("http://", "https://")


@dataclass(slots=True)
class _Searched:
    """What a check searches."""

    address: str
    options: Sequence[str] | None = None
    """What of the media can be searched in it; None where nobody knows."""
    by_name: dict[str, str] = field(default_factory=dict)
    """Each word for a member, as people write it → its name."""
    section: str = ""
    """Where members are declared."""


class SearchChecks:
    """Makes the checks of one stack. `closed` says that all of it was read, so that an unknown name is wrong."""

    def __init__(
        self,
        resources: Mapping[str, Resource],
        kinds: Kinds,
        search: type[Search] | None,
        problems: Problems,
        *,
        closed: bool,
    ) -> None:
        self._resources, self._kinds, self._search = resources, kinds, search
        self._problems, self._closed = problems, closed
        self._first: dict[str, Place] = {}

    def checks(self, given: Sequence[tuple[TextFile, Any]]) -> dict[str, Check]:
        """All of them by name; what is wrong is said."""
        found: dict[str, Check] = {}
        for source, section in given:
            if not isinstance(section, dict):
                self._problems.add(Place(source, ("checks",)), f"`checks:` takes names, not {a(section)}")
                continue
            if self._search is None and section:
                where = Place(source, ("checks",), on_key=True)
                self._problems.add(where, "`checks:` takes nothing here: what this provider holds cannot be searched")
                continue
            for name, raw in section.items():
                place = Place(source, ("checks", name), on_key=True)
                first = self._first.setdefault(name, place)
                if first is not place:
                    self._problems.add(place, f"is declared twice; first at {first}", address=f"checks/{name}")
                elif (check := self._check(WrittenCheck(name, source, self._problems), raw)) is not None:
                    found[name] = check
        return found

    def _check(self, written: WrittenCheck, raw: Any) -> Check | None:
        said = written.read(raw)
        if said is None or "in" not in said or (searched := self._searched(written, said["in"])) is None:
            return None
        self._options(written, ("options",), said.get("options", ()), searched)
        usual = Asked(**_asked(said, Asked()))
        queries = {name: self._query(written, name, query, usual, searched) for name, query in said["queries"].items()}
        floors = {
            measure: Floor(said["floors"].get(measure), said["allow"].get(measure), measure in said["warn"])
            for measure in {**said["floors"], **said["allow"]}
        }
        fit, least = said["match"] or (Fit.COVERED, 0.5)
        return Check(
            address=written.address,
            of=searched.address,
            queries=queries,
            usual=usual,
            k=said.get("k", 10),
            floors=floors,
            match=Match(Fit(fit), least),
            sure=said.get("sure"),
        )

    # What is searched

    def _searched(self, written: WrittenCheck, address: str) -> _Searched | None:
        """What an address under `in:` means: what the API searches."""
        assert self._search is not None and self._search.kind.parent is not None
        container = self._search.kind.parent
        resource = self._resources.get(address)
        if resource is not None and resource.kind == container.__name__:
            found = _Searched(address, section=f"{address}/{self._search.kind.section}")
            with suppress(TypeError, KeyError, AttributeError):  # it is declared wrongly, which was said
                found.options = self._search.searchable(resource.fields)
            self._name_members(found, self._search.kind)
            return found
        known = [it for it, its in self._resources.items() if its.kind == container.__name__]
        if self._closed:
            near = written.hint(address, known) or (f"; there is {', '.join(known[:3])}" if known else "")
            written.say(("in",), f"in: there is no {cut(address)} that can be searched{near}")
        return None

    def _name_members(self, found: _Searched, kind: type[Kind]) -> None:
        """A member is called by its name, or as what it is made of is called."""
        made_of = kind.field_with(lambda spec: spec.from_key and bool(spec.ref))
        for address, resource in self._resources.items():
            if resource.kind != kind.__name__ or not address.startswith(f"{found.address}/"):
                continue
            name = address.rpartition("/")[2]
            of = resource.fields.get(made_of.name) if made_of else None
            for word in (name, address, *((of, of.rpartition("/")[2]) if isinstance(of, str) else ())):
                found.by_name.setdefault(word, name)

    # What is asked

    def _query(
        self, written: WrittenCheck, name: str, query: Mapping[str, Any], usual: Asked, searched: _Searched
    ) -> CheckQuery:
        path: Path = ("queries", name)
        self._options(written, (*path, "options"), query.get("options", ()), searched)
        text = query.get("text", "")
        self._mentions(written, (*path, "text"), text)
        images: list[tuple[Path, str]] = [(("image",), query["image"])] if "image" in query else []
        images += [(("images", index), it) for index, it in enumerate(query.get("images", ()))]
        most = self._search.most_images if self._search else 0
        if len(images) > most:
            written.say((*path, "images"), f"images: a query takes {most} at most", on_key=True)
        expect = [self._expectation(written, (*path, "expect", index), it, searched) for index, it in query["expect"]]
        return CheckQuery(
            name=name,
            expect=tuple(it for it in expect if it is not None),
            text=text,
            images=tuple(self._image(written, (*path, *below), it) for below, it in images),
            **_asked(query, usual),
        )

    def _options(self, written: WrittenCheck, path: Path, options: Sequence[str], searched: _Searched) -> None:
        assert self._search is not None
        for index, option in enumerate(options):
            below = (*path, index)
            if option not in self._search.options:
                known = written.hint(option, self._search.options) or f"; there are {', '.join(self._search.options)}"
                written.say(below, f'options: unknown option "{cut(option)}"{known}')
            elif searched.options is not None and option not in searched.options:
                can = ", ".join(searched.options) or "nothing"
                written.say(below, f"options: the models of {searched.address} cannot search {option}; they can: {can}")

    def _mentions(self, written: WrittenCheck, path: Path, text: str) -> None:
        """What a text names must be declared."""
        assert self._search is not None
        kind = self._search.mentions
        for found in MENTION.finditer(text):
            address = self._search.mentioned(found)
            if kind is None or not address:
                written.say(path, f"text: {cut(found[0])}: the searches of this provider name nothing")
                continue
            if address not in self._resources and self._closed:
                known = {
                    f"{words[1]}/{words[3]}"
                    for words in (it.split("/") for it, its in self._resources.items() if its.kind == kind.__name__)
                }
                hint = written.hint(f"{found[1]}/{found[2]}", known) or f"; declare {cut(address)}"
                written.say(path, f"text: {cut(found[0])} names nothing that is declared{hint}")

    def _image(self, written: WrittenCheck, path: Path, said: str) -> str:
        """The address of an asset, or a URL."""
        assert self._search is not None
        if said.startswith(URLS):
            return said
        prefixes = [kind.section for kind in self._kinds if kind.field_with(lambda spec: spec.file)]
        for address in (said, *(f"{prefix}/{said}" for prefix in prefixes)):
            resource = self._resources.get(address)
            if resource is not None and self._kinds[resource.kind].section in prefixes:
                return address
        if self._closed:
            known = [it.partition("/")[2] for it in self._resources if it.partition("/")[0] in prefixes]
            hint = written.hint(said, known) or "; give an address, or a URL"
            written.say(path, f"{path[2]}: there is no picture {cut(said)}{hint}")
        return said

    # What is expected

    def _expectation(
        self, written: WrittenCheck, path: Path, said: Mapping[str, Any], searched: _Searched
    ) -> Expectation | None:
        word = said[MEMBER]
        name = searched.by_name.get(word)
        if name is None:
            if self._closed:
                written.say(path, f"expect: {self._why_not(written, word, searched)}")
            return None
        start, end = (None if said.get(end) is None else float(said[end]) for end in ("from", "to"))
        return Expectation(name, start, end, said.get("grade", 1))

    def _why_not(self, written: WrittenCheck, word: str, searched: _Searched) -> str:
        elsewhere = [it for it in self._resources if it == word or (it.count("/") == 1 and it.endswith(f"/{word}"))]
        if elsewhere:
            section = searched.section
            return f"{elsewhere[0]} is not in {searched.address}; add it under `{section}`, or expect another"
        hint = written.hint(word, [it for it in searched.by_name if "/" not in it or "/" in word])
        return f'"{cut(word)}" is not in {searched.address}{hint}'


def _asked(said: Mapping[str, Any], usual: Asked) -> dict[str, Any]:
    """What a check, or a query of it, says of how is asked; as usual where it says nothing."""
    return {
        "options": tuple(said.get("options", usual.options)),
        "every_option": said["operator"] == "and" if "operator" in said else usual.every_option,
        "spoken": tuple(said.get("spoken", usual.spoken)),
        "filter": said.get("filter", usual.filter),
    }
