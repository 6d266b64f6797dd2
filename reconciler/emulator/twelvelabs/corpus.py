"""What a search looks through: everything that is written about an object, its asset, and the entities it shows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.emulator.core.store import Obj, Selection
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.ranking import Candidate, texts_in, words, words_asked

__all__ = ["Sought", "asked", "candidates", "shown_on"]

MENTION = re.compile(r"<@([^<>@\s]*)>")
# CROSS JOIN is SQLite's way to be told the order: ids first, so that each step is a look-up.
ASSETS = (
    "SELECT links.source, links.target, json_extract(objects.doc, '$.user_metadata') FROM json_each(?) AS wanted "
    "CROSS JOIN links ON links.source = wanted.value "
    "CROSS JOIN objects ON objects.seq = links.target WHERE objects.kind = 'asset'"
)
ENTITIES = (
    "SELECT links.target, objects.name, json_extract(objects.doc, '$.metadata') FROM json_each(?) AS wanted "
    "CROSS JOIN links ON links.target = wanted.value AND links.kind = 'entity' "
    "CROSS JOIN objects ON objects.seq = links.source"
)
SAME_IMAGE = "type = 'image' AND json_extract(doc, '$.media.sha256') = ?"


@dataclass(slots=True)
class Sought:
    """A question in words, and the assets that show an entity it mentions."""

    words: list[str] = field(default_factory=list)
    linked: set[int] = field(default_factory=set)

    def add(self, text: str) -> None:
        """The words of a text, each once."""
        self.words = list(dict.fromkeys([*self.words, *words_asked(text)]))

    def mention(self, call: ApiCall, entity: Obj) -> None:
        """Who is meant: by name, by what is written about them, and by the names of the pictures of them."""
        rows = call.store.db.execute("SELECT target FROM links WHERE source = ?", (entity.seq,))
        pictures = [found for (seq,) in rows if (found := call.store.at(seq))]
        self.linked.update(picture.seq for picture in pictures)
        for text in (entity.name, entity.doc["description"] or "", *map(str, entity.doc["metadata"].values())):
            self.add(text)
        for picture in pictures:
            stem = picture.name.rsplit(".", 1)[0]
            self.add(" ".join(word for word in words(stem) if not word.isdigit()))


def asked(call: ApiCall, text: str) -> Sought:
    """The question; an entity in it as `<@id>` stands for what is known about that entity."""
    found = Sought()
    for entity_id in MENTION.findall(text):
        found.mention(call, call.find("entity", entity_id))
    found.add(MENTION.sub(" ", text))
    return found


def shown_on(call: ApiCall, sha256: str) -> list[Obj]:
    """The entities that an image of the account with just these bytes belongs to."""
    same = call.store.select(Selection("asset", where=((SAME_IMAGE, (sha256,)),)))
    return [entity for asset in same for entity in call.store.select(Selection("entity", linked_to=asset.seq))]


def candidates(call: ApiCall, objects: Sequence[Obj], linked: Iterable[int], metadata: str) -> list[Candidate]:
    """Each object with all its texts; `metadata` is where in its document its own metadata is."""
    assets, about = _assets(call, objects)
    wanted = set(linked)
    return [
        Candidate(
            seq=obj.seq,
            content=obj.doc["media"]["sha256"],
            duration=obj.doc["media"]["duration"] or 0.0,
            texts=(obj.name, *texts_in(obj.doc[metadata]), *(text for seq in assets[obj.seq] for text in about[seq])),
            spoken=call.said_in(obj.name),
            linked=not wanted.isdisjoint(assets[obj.seq]),
        )
        for obj in objects
    ]


def _assets(call: ApiCall, objects: Sequence[Obj]) -> tuple[dict[int, list[int]], dict[int, list[str]]]:
    """The assets behind each object; and of each asset what is written about it and the entities it shows."""
    assets: dict[int, list[int]] = defaultdict(list)
    about: dict[int, list[str]] = defaultdict(list)
    for source, target, values in call.store.db.execute(ASSETS, (json.dumps([obj.seq for obj in objects]),)):
        assets[source].append(target)
        about[target] = list(texts_in(json.loads(values or "{}")))
    for target, name, values in call.store.db.execute(ENTITIES, (json.dumps(list(about)),)):
        about[target] += [name, *texts_in(json.loads(values or "{}"))]
    return assets, about
