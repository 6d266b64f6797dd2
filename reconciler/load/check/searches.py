"""Search checks against what the stack declares: each name means something, and what is asked can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any

from reconciler.checks.words import MEMBER
from reconciler.frozen import dataclass
from reconciler.kind import Kind
from reconciler.kinds import Kinds
from reconciler.load.grammar.checks import WrittenCheck
from reconciler.load.problems import Place, Problems
from reconciler.load.sources import TextFile
from reconciler.load.wording import a, cut
from reconciler.load.yaml.positions import Path
from reconciler.model import Asked, Check, CheckQuery, Expectation, Fit, Floor, Match, Resource, is_within
from reconciler.provider import MENTION, Search, Space, entries_of

__all__ = ["SearchChecks"]

URLS = ("http://", "https://")
OF_AN_API = ("filter", "operator", "spoken")
"""Words for what vectors do not know."""


@dataclass(slots=True)
class _Searched:
    """What a check searches."""

    address: str
    options: Sequence[str] | None = None
    """What of the media can be searched in it; None where nobody knows."""
    space: Space | None = None
    """Where its vectors are, if it is those that are compared."""
    keys: frozenset[str] = frozenset()
    """What of the metadata in it is known, and what the API knows of each by itself."""
    no_others: bool = False
    by_name: dict[str, str] = field(default_factory=dict)
    """Each word for a member, as people write it → its name."""
    section: str = ""
    """Where members are declared."""


class SearchChecks:
    """Makes the checks of one stack. `keys` says what metadata a section below a parent has, and whether nothing else;
    `closed` says that all of it was read, so that an unknown name is wrong."""

    def __init__(
        self,
        resources: Mapping[str, Resource],
        kinds: Kinds,
        search: type[Search] | None,
        problems: Problems,
        *,
        keys: Callable[[str, str], tuple[frozenset[str], bool]],
        closed: bool,
    ) -> None:
        self._resources, self._kinds, self._search, self._keys = resources, kinds, search, keys
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
        self._of_an_api(written, (), said, searched)
        self._filter(written, (), said.get("filter", {}), searched)
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
        """What an address under `in:` means: what the API searches, or vectors that are kept."""
        assert self._search is not None and self._search.kind.parent is not None
        container = self._search.kind.parent
        resource = self._resources.get(address)
        if resource is not None and resource.kind == container.__name__:
            found = _Searched(address, section=f"{address}/{self._search.kind.section}")
            with suppress(TypeError, KeyError, AttributeError):  # it is declared wrongly, which was said
                found.options = self._search.searchable(resource.fields)
            self._name_members(found, self._search.kind)
            self._name_keys(found, self._search)
            return found
        entries = self._entries()
        if address in entries:
            return self._kept(written, address, entries[address])
        if self._closed and not self._is_garbled(address):
            known = [*(it for it, its in self._resources.items() if its.kind == container.__name__), *entries]
            written.say(("in",), f"in: {self._why_none(written, address, known)}")
        return None

    def _entries(self) -> Mapping[str, Sequence[str]]:
        """Entries whose vectors can be searched, with the addresses of their sets."""
        assert self._search is not None
        return entries_of(self._resources, self._search.vectors)

    def _is_garbled(self, address: str) -> bool:
        """Whether it is declared, and so wrongly that nobody knows of what it is: that was said."""
        vectors = self._search.vectors if self._search else None
        return (
            vectors is not None
            and address in self._resources
            and address.count("/") == 1
            and (self._resources[address].kind == vectors.__name__)
        )

    def _why_none(self, written: WrittenCheck, address: str, known: Sequence[str]) -> str:
        below = next((it for it in known if address.startswith(f"{it}/")), None)
        if below is not None:
            return f"{cut(address)} is searched with all of {below}; name that"
        section = address.partition("/")[0]
        if any(is_within(it, address) for it in self._resources):
            return f"{cut(address)} has no vectors that a text or an image can be compared with, and no searches"
        near = written.hint(address, known)
        some = [it for it in known if it.startswith(f"{section}/")] or known
        there = f"; there is {', '.join(some[:3])}" if some else ""
        return f"there is no {cut(address)} that can be searched{near or there}"

    def _kept(self, written: WrittenCheck, entry: str, addresses: Sequence[str]) -> _Searched | None:
        """Vectors that are kept, by what is declared of them."""
        assert self._search is not None
        found = _Searched(entry, section="of")
        try:
            found.space = self._search.space(self._resources[addresses[0]].fields)
        except ValueError as error:
            written.say(("in",), f"in: {entry}: {error}")
        except (TypeError, KeyError, AttributeError):  # it is declared wrongly, which was said
            return None
        if found.space is not None and found.space.options:
            found.options = found.space.options
        for address in addresses:
            name = address.rpartition("/")[2]
            for word in (name, address, *self._made_of(address)):
                found.by_name.setdefault(word, name)
        return found

    def _made_of(self, address: str) -> Iterator[str]:
        """What a set is made of, by address and by name, and what that is made of: of what is indexed the asset."""
        resource = self._resources[address]
        for ref in self._kinds[resource.kind].refs():
            of = resource.fields.get(ref.name)
            if isinstance(of, str) and of in self._resources:
                yield from (of, of.rpartition("/")[2], *self._made_of(of))

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

    def _name_keys(self, found: _Searched, search: type[Search]) -> None:
        """What can be filtered by: by the schemas that metadata has to fit, and by what members have."""
        assert search.kind.parent is not None
        by_schema, found.no_others = self._keys(f"{search.kind.parent.section}/{search.kind.section}", found.address)
        stamped = search.kind.field_with(lambda spec: spec.stamped)
        members = [it for address, it in self._resources.items() if address.startswith(f"{found.section}/")]
        said = (it.fields.get(stamped.name) for it in members if stamped is not None)
        declared = {key for metadata in said if isinstance(metadata, Mapping) for key in metadata}
        found.keys = by_schema | declared | frozenset(search.filters)
        # What somebody else looks after may have whatever that one gives it.
        found.no_others = found.no_others and not any(it.external for it in members)

    # What is asked

    def _query(
        self, written: WrittenCheck, name: str, query: Mapping[str, Any], usual: Asked, searched: _Searched
    ) -> CheckQuery:
        path: Path = ("queries", name)
        self._options(written, (*path, "options"), query.get("options", ()), searched)
        text = query.get("text", "")
        self._mentions(written, (*path, "text"), text, searched)
        images: list[tuple[Path, str]] = [(("image",), query["image"])] if "image" in query else []
        images += [(("images", index), it) for index, it in enumerate(query.get("images", ()))]
        self._of_an_api(written, path, query, searched)
        self._filter(written, path, query.get("filter", {}), searched)
        self._together(written, path, len(images), text, searched)
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
                whose = "vectors" if searched.space else "models"
                written.say(
                    below, f"options: the {whose} of {searched.address} cannot search {option}; they can: {can}"
                )

    def _of_an_api(self, written: WrittenCheck, path: Path, said: Mapping[str, Any], searched: _Searched) -> None:
        """What only an API knows, where vectors are compared."""
        for word in OF_AN_API if searched.space is not None else ():
            if word in said:
                what = f"{word}: vectors are compared by nothing but their nearness; take it out"
                written.say((*path, word), what, on_key=True)

    def _filter(self, written: WrittenCheck, path: Path, filter: Mapping[str, Any], searched: _Searched) -> None:
        """What is filtered by must be something that is there; where nobody knows all of it, what looks like it."""
        for key in filter if searched.keys and self._closed else ():
            if key in searched.keys:
                continue
            near = written.hint(key, searched.keys)
            if near or searched.no_others:
                known = near or f"; there are {', '.join(sorted(searched.keys))}"
                what = f'filter: nothing in {searched.address} has "{cut(key)}"{known}'
                written.say((*path, "filter", key), what, on_key=True)

    def _together(self, written: WrittenCheck, path: Path, images: int, text: str, searched: _Searched) -> None:
        """How many images a query may have, and whether a text beside them."""
        space, word = searched.space, "images" if images > 1 else "image"
        most = space.most_images if space else self._search.most_images if self._search else 0
        if images > most:
            written.say((*path, word), f"{word}: a query takes {most} at most", on_key=True)
        if space is not None and images and text and not space.with_text:
            what = f"{word}: {searched.address} can be compared with a text or with an image, not with both; ask twice"
            written.say((*path, word), what, on_key=True)

    def _mentions(self, written: WrittenCheck, path: Path, text: str, searched: _Searched) -> None:
        """What a text names must be declared."""
        assert self._search is not None
        kind = self._search.mentions
        for found in MENTION.finditer(text):
            if searched.space is not None:
                written.say(path, f"text: {cut(found[0])}: a vector is of words alone, and names nothing")
                continue
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
