"""TwelveLabs, API v1.3: its kinds, and the calls that are not plain REST.

Sources: the vendor's OpenAPI document and SDK reference (https://docs.twelvelabs.io/api-reference). Where vintages of
the API differ, the newest is sent and the older ones are tolerated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from annotated_types import MaxLen, MinLen
from pydantic import BeforeValidator, StringConstraints
from pydantic import Field as PydanticField

from reconciler.errors import Unclear
from reconciler.kind import (
    CREATE_ONLY,
    DETAIL,
    FROM_KEY,
    IDENTITY,
    MERGE,
    SOURCE,
    STAMPED,
    UNORDERED,
    Kind,
    Known,
    Members,
    Part,
    Read,
    Ref,
    Wire,
    WrongItems,
)
from reconciler.kinds import Kinds
from reconciler.model import Live, Resource, Stamp, Status
from reconciler.provider import Finding
from reconciler.providers.twelvelabs.files import AssetFiles, kind_of_file, moment, open_since, upload_status
from reconciler.providers.twelvelabs.limits import ID_FORM, SIZES
from reconciler.providers.twelvelabs.media import inspect, lengths
from reconciler.providers.twelvelabs.patience import again_s, patience
from reconciler.providers.twelvelabs.tariff import TARIFF
from reconciler.redact import Secret, plain
from reconciler.rest import Made, Rest
from reconciler.upload import Sending
from reconciler.wire import Unexpected, answer_to, below, items, mapping, moment_text, number, text, whole

__all__ = ["KINDS", "Asset", "Entity", "EntityCollection", "Index", "IndexedAsset", "TwelveLabs"]

MAX_SAFE_INTEGER = 9_007_199_254_740_991
"""Integers beyond 53 bits must be sent as strings (SDK 1.3.6)."""

MODELS = frozenset({"marengo2.6", "marengo2.7", "marengo3.0", "pegasus1", "pegasus1.1", "pegasus1.2"})
"""Of indexes: only `marengo3.0` makes a new one by now, but accounts hold older ones."""

NEWEST_LAST = {"sort_by": "created_at", "sort_option": "asc"}
NEWEST_FIRST = {"sort_by": "created_at", "sort_option": "desc"}


def _metadata_problem(value: Any, *, lists: bool, drops_empty: bool) -> str | None:
    """What is wrong with one metadata value, and what to do; None when it can be stored."""
    if isinstance(value, str):
        return "an empty string is never stored by the API; leave the key out" if drops_empty and not value else None
    if isinstance(value, (bool, float)):
        return None if math.isfinite(value) else "a number that JSON cannot hold; quote it"
    if isinstance(value, int):
        too_big = abs(value) > MAX_SAFE_INTEGER
        return "an integer beyond 53 bits loses digits on the way; quote it" if too_big else None
    if value is None:
        return "null cannot be stored; leave the key out to remove it"
    if isinstance(value, Mapping):
        return "a nested map cannot be stored; write it as a string of JSON"
    if not lists:
        return "a list cannot be stored here; write it as one string"
    if not value:
        return "an empty list is never stored by the API; leave the key out"
    return None if all(isinstance(item, str) and item for item in value) else "a list may hold non-empty strings only"


def _check_metadata(value: Any, *, lists: bool, drops_empty: bool) -> Any:
    if not isinstance(value, Mapping):
        return value
    problems = {}
    for key, item in value.items():
        if key.startswith("reconciler_"):
            problems[key] = "keys that begin with reconciler_ are the tool's own; choose another name"
        elif not key:
            problems[key] = "a key must not be empty; give it a name"
        elif problem := _metadata_problem(item, lists=lists, drops_empty=drops_empty):
            problems[key] = problem
    if problems:
        raise WrongItems(problems)
    return value


def _tagged_metadata(value: Any) -> Any:
    return _check_metadata(value, lists=True, drops_empty=True)


def _plain_metadata(value: Any) -> Any:
    return _check_metadata(value, lists=False, drops_empty=False)


Scalar = str | int | float | bool
Name = Annotated[str, StringConstraints(min_length=1)]
TaggedMetadata = Annotated[dict[str, Scalar | list[str]], BeforeValidator(_tagged_metadata)]
"""Assets and indexed assets: scalars and lists of strings; empty values are dropped by the API."""
PlainMetadata = Annotated[dict[str, Scalar], BeforeValidator(_plain_metadata)]
"""Entities: scalars only."""


class Asset(
    Kind,
    section="assets",
    path="/assets",
    update="PATCH {path}/user-metadata",
):
    """A media file in the account: a video, an audio file or an image, from disk or from a URL."""

    file: Annotated[str | None, SOURCE] = None
    """Path of the file, relative to the stack; its bytes are the asset's identity."""
    url: Annotated[str | None, SOURCE, StringConstraints(pattern=r"^https?://\S+$")] = None
    """Address of a raw media file that the platform fetches by itself; without `sha256` the URL is the identity."""
    sha256: Annotated[str | None, SOURCE, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = None
    """Pins the bytes of a `url`, wherever it leads: they are the identity, as those of a `file` are."""
    content: Annotated[str | None, IDENTITY] = None
    """What the bytes are."""
    filename: Annotated[Name | None, CREATE_ONLY] = None
    """Name that the account shows; the file's own when left out."""
    hls: Annotated[bool, CREATE_ONLY, Wire("enable_hls"), Read(lambda raw: raw.get("hls") is not None)] = False
    """Whether the platform makes an HLS stream of it."""
    thumbnail: Annotated[
        bool, CREATE_ONLY, Wire("enable_thumbnail"), Read(lambda raw: raw.get("thumbnail") is not None)
    ] = False
    """Whether the platform makes a thumbnail of it."""
    metadata: Annotated[TaggedMetadata, MERGE, STAMPED, Wire("user_metadata")] = PydanticField(default_factory=dict)
    """Your own facts about it: strings, numbers, booleans and lists of strings."""

    @classmethod
    def lacks(cls, declared: Mapping[str, Any]) -> str | None:
        if "file" in declared and "url" in declared:
            return "has both `file` and `url`; keep one"
        if "file" not in declared and "url" not in declared:
            return "needs `file: PATH` or `url: https://…`"
        return (
            "`sha256` pins what a `url` serves; a `file` is hashed anyway"
            if {"file", "sha256"} <= set(declared)
            else None
        )


class Model(Part):
    """One model of an index and what it looks at."""

    name: Annotated[Name, Wire("model_name"), Known(MODELS, as_of="2026-10")]
    """`marengo3.0` to search; which others are offered depends on the account."""
    options: Annotated[list[Literal["visual", "audio"]], Wire("model_options"), UNORDERED, MinLen(1), MaxLen(2)] = (
        PydanticField(default=["visual", "audio"])
    )
    """What it looks at and listens to."""


class Index(
    Kind,
    section="indexes",
    path="/indexes",
    query=NEWEST_LAST,
    newest=NEWEST_FIRST,
    update="PUT {path}",
    natural_key=("name",),
    unique=True,
    asynchronous=False,
    cascades=True,
):
    """A searchable set of indexed assets. Its models cannot be changed: another model is another index."""

    name: Annotated[Name, Wire("index_name"), FROM_KEY] = ""
    """Unique in the account."""
    models: Annotated[list[Model], CREATE_ONLY, UNORDERED, MinLen(1)]
    """The models that index each asset."""
    addons: Annotated[list[Literal["thumbnail"]], CREATE_ONLY, UNORDERED] = PydanticField(default_factory=list)
    """Extras; none can be added or taken away later."""


class IndexedAsset(
    Kind,
    section="assets",
    parent=Index,
    path="/indexes/{parent}/indexed-assets",
    query=NEWEST_LAST,
    newest=NEWEST_FIRST,
    update="PATCH {path}",
    natural_key=("asset",),
    unique=True,
):
    """An asset in an index; its key is the asset's."""

    asset: Annotated[str, Ref("Asset"), CREATE_ONLY, FROM_KEY, Wire("asset_id")] = ""
    """The asset that is indexed, when the key is not its name."""
    stream: Annotated[
        bool, CREATE_ONLY, DETAIL, Wire("enable_video_stream"), Read(lambda raw: bool(raw.get("hls")))
    ] = False
    """Whether the index keeps a video stream of it."""
    metadata: Annotated[TaggedMetadata, MERGE, STAMPED, DETAIL, Wire("user_metadata")] = PydanticField(
        default_factory=dict
    )
    """Facts for filtering searches of this index; apart from the asset's own."""


class EntityCollection(
    Kind,
    section="entity_collections",
    path="/entity-collections",
    query=NEWEST_LAST,
    newest=NEWEST_FIRST,
    update="PATCH {path}",
    natural_key=("name",),
    asynchronous=False,
):
    """A set of entities that searches can mention, such as a team's players."""

    name: Annotated[Name, FROM_KEY] = ""
    """Not unique in the account."""
    description: str = ""
    """What the collection is for."""


class Entity(
    Kind,
    section="entities",
    parent=EntityCollection,
    path="/entity-collections/{parent}/entities",
    query=NEWEST_LAST,
    newest=NEWEST_FIRST,
    update="PATCH {path}",
    bulk=("/bulk", "entities", 100),
    natural_key=("name",),
):
    """A person or a thing to be found in videos, known by reference images."""

    name: Annotated[Name, FROM_KEY] = ""
    """Not unique in its collection."""
    description: str = ""
    """Who or what it is."""
    assets: Annotated[
        list[str],
        Ref("Asset", cut="/entities"),
        Members("/assets", at_least=1),
        UNORDERED,
        MinLen(1),
        Wire("asset_ids"),
    ]
    """Its reference images, at least one."""
    metadata: Annotated[PlainMetadata, STAMPED] = PydanticField(default_factory=dict)
    """Your own facts about it: strings, numbers and booleans."""


KINDS = Kinds([Asset, Index, IndexedAsset, EntityCollection, Entity])
"""Parents before children, what is referred to before what refers to it."""


class TwelveLabs(Rest):
    """The provider: what its API does otherwise than collections of JSON do."""

    name = "twelvelabs"
    kinds = KINDS
    base_url = "https://api.twelvelabs.io/v1.3"
    url_variables = ("TWELVELABS_BASE_URL",)
    key_variables = ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY")
    tariff = TARIFF
    id_form = ID_FORM
    sending: Sending | None = None
    sizes = SIZES

    @staticmethod
    def headers(key: str) -> dict[str, str]:
        """What proves who we are."""
        return {"x-api-key": key}

    def facts(self, raw: Mapping[str, Any], where: str = "") -> dict[str, Any]:
        system = raw.get("system_metadata")
        system = {} if system is None else mapping(system, below(where, "system_metadata"))
        found = {name: raw.get(name, system.get(name)) for name in (*MEASURES, *WORDS)}
        facts = {name: number(found[name], below(where, name)) for name in MEASURES if found[name] is not None}
        words = {name: moment_text(found[name], below(where, name)) for name in WORDS if found[name] is not None}
        error = raw.get("error")
        if isinstance(error, Mapping) and error.get("message") is not None:
            words["error"] = text(error["message"], below(where, "error.message"))
        return facts | words

    def name_of(self, kind: type[Kind], fields: Mapping[str, Any]) -> str | None:
        if kind is not Asset:
            return None
        if given := fields.get("filename"):
            return given if isinstance(given, str) else str(given)
        url = fields.get("url", "")
        name = PurePosixPath(fields.get("file") or urlsplit(url).path).name
        return Secret(name, url.template) if isinstance(url, Secret) else name

    def size_of(self, kind: type[Kind], fields: Mapping[str, Any]) -> int | None:
        if kind is not Asset or "file" not in fields:
            return None
        try:
            size: int = (self.root / fields["file"]).stat().st_size
        except OSError:
            return None  # gone since it was hashed: told when it is to be sent
        return size

    async def lengths(self, resources: Mapping[str, Resource], making: Collection[str]) -> dict[str, float]:
        assert self.sending is not None, "whoever plans has said how files are looked into"
        return await lengths(resources, making, self.sending.files)

    def chunk_requests(self, kind: type[Kind], fields: Mapping[str, Any], size_bytes: int) -> int:
        """A PUT for each chunk, and what reports them. The server chooses how large they are."""
        if size_bytes <= self.sizes[kind_of_file(fields["file"])].form:
            return 0
        chunks = -(-size_bytes // USUAL_CHUNK_BYTES)
        return chunks + -(-chunks // REPORTED_AT_ONCE)

    async def create(
        self,
        kind: type[Kind],
        fields: Mapping[str, Any],
        parent_id: str | None,
        stamp: Stamp | None,
        *,
        address: str = "",
    ) -> Made:
        """An asset goes up from disk, as a form or in chunks, or by its URL; metadata is a string of JSON in forms."""
        if kind is not Asset:
            with patience():
                return await super().create(kind, fields, parent_id, stamp, address=address)
        body = self.body(kind, fields, stamp)
        if "file" in fields:
            assert self.sending is not None, "whoever creates has said how files are sent"
            return await AssetFiles(self.http, self.sending, self.sizes).create(address, fields, body)
        if "user_metadata" in body:
            body["user_metadata"] = json.dumps(body["user_metadata"])
        form = {"method": "url", "url": fields["url"], **body}
        return self.made_of(f"POST {kind.path}", await self.http.request("POST", kind.path, form=form))

    async def inspect(self, resources: Mapping[str, Resource], making: Collection[str]) -> list[Finding]:
        return await inspect(resources, making, self.sending.files, self.sizes) if self.sending else []

    def is_partial(self, live: Live) -> bool:
        """`processing` is also what an asset is called whose chunks have not all come."""
        return live.kind == "Asset" and live.status is Status.PENDING and live.facts.get("method") == "multipart"

    async def upload_status(self, upload_id: str) -> str:
        return await upload_status(self.http, upload_id)

    async def abandoned(self, lives: Sequence[Live]) -> frozenset[str]:
        """An open upload names neither asset nor file: those that were begun at the same moment belong together."""
        begun = await open_since(self.http) if lives else []
        return frozenset(
            live.id
            for live in lives
            if (made := moment(live.facts.get("created_at")))
            and any(abs((made - when).total_seconds()) <= SAME_MOMENT_S for when in begun)
        )

    def made_of_bulk(self, kind: type[Kind], bodies: Sequence[Mapping[str, Any]], answer: Any) -> list[Made]:
        """Errors come by index, successes only by name: names are distinct within one call."""
        sent, made, refused = [body["name"] for body in bodies], dict[str, str](), dict[str, str]()
        with answer_to(f"POST {kind.path}/bulk", Unclear):
            for at, raw in enumerate(items(mapping(answer, "").get("entities"), "entities")):
                name = text(mapping(raw, f"entities[{at}]").get("name"), f"entities[{at}].name")
                made[name] = self.id_of(raw, f"entities[{at}]")
            for at, raw in enumerate(items(answer.get("errors"), "errors")):
                number = whole(mapping(raw, f"errors[{at}]").get("entity_index"), f"errors[{at}].entity_index")
                if number >= len(sent):
                    raise Unexpected(f"errors[{at}].entity_index", f"{number}, and {len(sent)} were sent")
                refused[sent[number]] = text(raw.get("error_reason"), f"errors[{at}].error_reason")
            if len({*made.values()}) != len(made) or made.keys() & refused.keys() or not made.keys() <= set(sent):
                raise Unexpected("entities", "not one answer for each that was sent")
            for name in sent:
                if name not in made and name not in refused:
                    raise Unexpected("entities", f"nothing is said of {name!r}")
        return [Made(made.get(name, ""), plain(why := refused.get(name, "")), again_s(why)) for name in sent]

    async def poll(self, kind: type[Kind], parent_id: str | None, ids: Iterable[str]) -> dict[str, Live]:
        """Assets can be asked for by id, a page of them at once."""
        if kind is not Asset:
            return await super().poll(kind, parent_id, ids)
        found: dict[str, Live] = {}
        todo = list(ids)
        for start in range(0, len(todo), self.page_size):
            some = todo[start : start + self.page_size]
            page = await self.page(kind, None, 1, {"asset_ids": some})
            found |= {live.id: live for live in page.objects if live.id in some}
        return found


MEASURES, WORDS = ("duration", "size", "video_count", "total_duration"), ("created_at", "method")
USUAL_CHUNK_BYTES, REPORTED_AT_ONCE = 5 << 20, 50
SAME_MOMENT_S = 5.0
"""One request makes an upload and its asset; their clocks are the server's."""
