"""What a kind is: one class whose fields say, by markers, everything that the pipeline needs to know of them.

From the class come validation, JSON Schema, diff rules, order and `explain`. How objects of the kind are asked for is
their driver's business (`provider.Driver`), which stands beside the class:

    class Index(Kind, section="indexes", natural_key=("name",), unique=True):
        name: Annotated[str, Wire("index_name"), FROM_KEY] = ""
        models: Annotated[list[Model], CREATE_ONLY, UNORDERED]

What a class declares is checked when the class is made: a wrong marker is a TypeError at import, and no surprise
in a plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from reconciler.kind.declarable import After, Before, Bounds, Declarable, Examples, fresh
from reconciler.kind.fields import (
    CREATE_ONLY,
    DETAIL,
    EACH,
    FILE,
    FROM_KEY,
    IDENTITY,
    INPUT,
    MERGE,
    SOURCE,
    STAMPED,
    TITLE,
    UNORDERED,
    Field,
    FromFile,
    Known,
    Members,
    Named,
    Part,
    Read,
    Ref,
    Updating,
    Wire,
    WrongItems,
    fields_of,
)
from reconciler.lazily import hashlib

__all__ = [
    "CREATE_ONLY",
    "DETAIL",
    "EACH",
    "FILE",
    "FROM_KEY",
    "IDENTITY",
    "INPUT",
    "MERGE",
    "SOURCE",
    "STAMPED",
    "TITLE",
    "UNORDERED",
    "After",
    "Before",
    "Bounds",
    "Derived",
    "Examples",
    "Field",
    "FromFile",
    "Kind",
    "Known",
    "Members",
    "Named",
    "Part",
    "Read",
    "Ref",
    "Updating",
    "Wire",
    "WrongItems",
    "fresh",
]


class Kind(Declarable):
    """Base of all kinds. Class arguments say where they stand in YAML and how their objects behave.

    section       the word in YAML (`indexes`; for a child the word under its parent: `assets`)
    parent        the kind that it lives in, or none
    bulk          how many can be made in one call, at most; 0 if each needs a call of its own
    natural_key   fields that name an object when its id is not known; the parent counts always
    unique        whether the API refuses a second object with the same natural key
    asynchronous  whether a new object must be waited for
    cascades      whether the API deletes the children together with the object
    label         what one object and what several are called, if not as the class: `("entity", "entities")`
    counts        the fact (`Live.facts`) that says how many children an object has, if one does
    """

    section: ClassVar[str]
    parent: ClassVar[type[Kind] | None]
    bulk: ClassVar[int]
    natural_key: ClassVar[tuple[str, ...]]
    unique: ClassVar[bool]
    asynchronous: ClassVar[bool]
    cascades: ClassVar[bool]
    label: ClassVar[tuple[str, str]]
    counts: ClassVar[str]
    stored: ClassVar[bool] = False
    """Whether its objects are kept in a store beside the account: there a new one takes the place of the old one, what
    is written is read at once, and what is there or not says nothing about the account."""
    made_of_refs: ClassVar[bool] = False
    """Whether an object is what its references are, and how it is made (the fields marked SOURCE): another way makes
    another object."""
    paid: ClassVar[bool] = False
    """Whether each try is paid, also one that fails: the next run makes it once more, and then only by consent."""
    noted: ClassVar[tuple[str, ...]] = ()
    """Facts (`Live.facts`) that are recorded with an object when it is made."""
    proofs: ClassVar[tuple[str, ...]] = ()
    """Those of them that change only when somebody changes what is in it: no field says that."""
    identity_name: ClassVar[str]
    """The field marked IDENTITY, "" if there is none."""
    specs: ClassVar[Mapping[str, Field]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Class arguments say what stands above."""
        super().__init_subclass__()
        cls._declare(**kwargs)
        cls.specs = fields_of(cls)
        cls.identity_name = next((field.name for field in cls.specs.values() if field.identity), "")
        _check(cls)

    @classmethod
    def _declare(
        cls,
        *,
        section: str,
        parent: type[Kind] | None = None,
        bulk: int = 0,
        natural_key: Sequence[str] = (),
        unique: bool = False,
        asynchronous: bool = True,
        cascades: bool = False,
        label: tuple[str, str] | None = None,
        counts: str = "",
    ) -> None:
        cls.section, cls.parent, cls.bulk = section, parent, bulk
        cls.natural_key, cls.unique = tuple(natural_key), unique
        cls.asynchronous, cls.cascades = asynchronous, cascades
        cls.label, cls.counts = label or _label(cls.__name__), counts

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        """What a resource that is to be made still needs, as a sentence; not asked for `id:` and `external:`."""
        return None

    @classmethod
    def files_of(cls, fields: Mapping[str, Any]) -> dict[str, str]:
        """field → path below the stack's directory, of the files whose bytes say what the object is."""
        return {name: str(fields[name]) for name, field in cls.specs.items() if field.file and name in fields}

    @classmethod
    def identity(cls, fields: Mapping[str, Any], of: Callable[[str], Any]) -> str | None:
        """What makes an object the same, whatever its name and address: `of` gives the hash of a file's bytes, or, of
        what is made of its references, the identity of an address, None if it has none. None when nothing is declared
        that could say it."""
        hashes = [of(path) for path in cls.files_of(fields).values()]
        return hashes[0] if len(hashes) == 1 else None

    @classmethod
    def identities_before(cls, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """How earlier versions wrote the identity of what is declared so: in states and stamps it still stands."""
        return ()

    @classmethod
    def to_note(cls, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What of the facts of an object is recorded with it."""
        return {name: facts[name] for name in cls.noted if facts.get(name) is not None}

    @classmethod
    def spreading(cls) -> tuple[Field, ...]:
        """The fields of which YAML names several in the first of them: one object is made of each."""
        return tuple(field for field in cls.specs.values() if field.each)

    @classmethod
    def found_out(cls) -> frozenset[str]:
        """Fields that no YAML holds: they follow from what it names."""
        names = {field.named.names for field in cls.specs.values() if field.named}
        return frozenset({*names, *(field.name for field in cls.spreading()[1:])})

    @classmethod
    def told(cls, fields: Mapping[str, Any], look: Callable[[str], Mapping[str, Any] | None]) -> Mapping[str, Any]:
        """What is not declared and follows from the inputs; `look` gives what is declared at an address. ValueError
        says what of both does not go together."""
        return {}

    @classmethod
    def field_with(cls, test: Callable[[Field], bool]) -> Field | None:
        """The one field that fits, or None."""
        return next((field for field in cls.specs.values() if test(field)), None)

    @classmethod
    def counted(cls, number: int) -> str:
        """So many objects of it, as people say it: `1 index`, `2 indexed assets`."""
        return f"{number:,} {cls.label[number != 1]}"

    @classmethod
    def facts_told(cls) -> tuple[str, ...]:
        """What `outputs:` can name of an object of it: all that is known of one without a request."""
        return ("id", *(("parent_id",) if cls.parent is not None else ()), *cls.noted)

    @classmethod
    def called(cls, fields: Mapping[str, Any]) -> str:
        """What people know an object by: its name, or the id of what it stands for; "" if it has nothing such."""
        spec = cls.field_with(lambda field: field.from_key) or cls.field_with(lambda field: field.title)
        return str(fields.get(spec.name) or "") if spec else ""

    @classmethod
    def refs(cls) -> tuple[Field, ...]:
        """The fields that name other resources."""
        return tuple(field for field in cls.specs.values() if field.ref)

    @classmethod
    def section_path(cls) -> tuple[str, ...]:
        """Where it stands in YAML: `("indexes", "assets")`."""
        return (*(cls.parent.section_path() if cls.parent else ()), cls.section)


def _label(name: str) -> tuple[str, str]:
    """A class's name as words: `EntityCollection` is `entity collection`, several are `entity collections`."""
    one = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    if re.search(r"[^aeiou]y$", one):
        return one, f"{one[:-1]}ies"
    return one, f"{one}es" if re.search(r"(s|x|z|ch|sh)$", one) else f"{one}s"


def _check(kind: type[Kind]) -> None:
    """Refuse a class that contradicts itself."""
    where = kind.__name__
    for name in kind.natural_key:
        if name not in kind.specs:
            raise TypeError(f"{where}: natural_key names {name!r}, which is not a field")
    wires = [field.wire for field in kind.specs.values() if not (field.source or field.identity)]
    if len(wires) != len(set(wires)):
        raise TypeError(f"{where}: two fields have the same wire name")
    for field in kind.specs.values():
        if field.members and not (field.ref and field.unordered and field.many):
            raise TypeError(f"{where}.{field.name}: Members needs a list with Ref and UNORDERED")
        if field.file and not kind.identity_name:  # its bytes would be read by nobody
            raise TypeError(f"{where}.{field.name}: FILE needs a field with IDENTITY, for what its bytes are")
    if sum(field.stamped for field in kind.specs.values()) > 1:
        raise TypeError(f"{where}: one field can carry the stamp")


RECIPE_FORMAT, IDENTITY_DIGITS = 1, 32


class Derived(Kind, section=""):
    """What is made of something else by a model: its objects are sets of rows in a store of results.

    One is made of each input, under an address of its own: `embeddings/clips/final`. It is what its input is and how
    it is made, never an id or a name: a digest of both. So what was renamed, moved or sent again is made once, and a
    change of an option makes it anew. How it is made are the fields marked SOURCE.
    """

    stored: ClassVar[bool] = True
    made_of_refs: ClassVar[bool] = True
    paid: ClassVar[bool] = True
    noted: ClassVar[tuple[str, ...]] = ("rows", "digest", "made_at")
    proofs: ClassVar[tuple[str, ...]] = ("rows", "digest")

    made_of: Annotated[str | None, IDENTITY, STAMPED] = None
    """What it is made of, and how."""
    placed: ClassVar[tuple[str, ...]] = ("dim", "model", "store", "place", "table", "collection")
    """What a store may say of a set besides: not each kind of store has all of it."""
    into: str | None = None
    """Which of several stores under `results:` it is kept in; `default`, when left out. It moves when this changes."""

    @classmethod
    def facts_told(cls) -> tuple[str, ...]:
        """Those of a set, and where it is."""
        return (*super().facts_told(), *cls.placed)

    @classmethod
    def recipe(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """How it is made: every option, with its default written out, numbers as floats, sets sorted."""
        raise NotImplementedError(f"{cls.__name__} does not say how it is made")

    @classmethod
    def otherwise(cls, fields: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Other fields of which the platform makes the very same, so that what was made of them has these too: options
        that only select what is read of it."""
        return ()

    @classmethod
    def form(cls, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The form of what it says, as JSON Schema: values out of it may be declared elsewhere. None where no value can
        be taken out of it: of vectors, of what has many parts."""
        return None

    @classmethod
    def answer(cls, fields: Mapping[str, Any], text: str) -> Any:
        """The text of its row as the value that has this form."""
        return text

    @classmethod
    def identity(cls, fields: Mapping[str, Any], of: Callable[[str], str | None]) -> str | None:
        """What it is, by what its inputs are; `of` says that of an address. None when that of one is not known."""
        inputs: dict[str, Any] = {}
        for ref in (ref for ref in cls.refs() if ref.name in fields):
            named = [*map(of, fields[ref.name])] if ref.many else [of(fields[ref.name])]
            if None in named:
                return None
            # By whichever field a single one is named, it is that input.
            inputs |= {ref.name: named} if ref.many else {cls.spreading()[0].name: named[0]}
        whole = {"format": RECIPE_FORMAT, "kind": cls.section, "inputs": inputs, "recipe": cls.recipe(fields)}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:IDENTITY_DIGITS]
