"""What a stack of a provider may say, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from reconciler.kind import Field, Kind
from reconciler.kind.declarable import model_of
from reconciler.kind.docs import docs_of
from reconciler.kinds import Kinds
from reconciler.load.check.replacing import HOLD, WAYS
from reconciler.load.grammar.declarations import NAME
from reconciler.load.grammar.defaults import may_be_shared
from reconciler.load.grammar.reading import AGE, MODES
from reconciler.load.grammar.shapes import FOUND_BY, at, shapes_of
from reconciler.model import OUTPUT_NAME, ReadSettings
from reconciler.plan.guards import DEFAULTS, NO_LIMITS
from reconciler.provider import kinds_of
from reconciler.provider import provider as provider_of
from reconciler.schema.checks import checks_schema

__all__ = ["COMMON", "DIALECT", "stack_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KEY = f"^{NAME.pattern}$"
VARIABLE = r"\$\{[^}]+\}"
NAME_OR_VARIABLES = rf"^([A-Za-z0-9]|{VARIABLE})([A-Za-z0-9._-]|{VARIABLE})*$"

COMMON: Mapping[str, Any] = {
    "protect": {
        "type": "boolean",
        "default": False,
        "description": "Refuse every plan that would delete or replace it.",
    },
    "ignore": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Fields whose differences are left alone, such as `metadata.rating`; globs too.",
        "examples": [["metadata.rating"]],
    },
    "id": {"type": "string", "description": "Adopt exactly this object of the account."},
    "external": {
        "type": "boolean",
        "default": False,
        "description": "Look it up, refer to it, never change it.",
    },
    "replace": {
        "anyOf": [
            {"const": "allow"},
            {
                "type": "object",
                "properties": {
                    "how": {"enum": list(WAYS), "default": WAYS[0]},
                    "checks": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                    "hold": {"type": "string", "pattern": HOLD, "examples": ["24h"]},
                    "allow": {"type": "boolean", "default": False},
                },
                "additionalProperties": False,
            },
        ],
        "description": "`allow` agrees to its being replaced. How that is done can be said of what others live in: "
        "`beside` the old one, which serves until the new one has passed its `checks`, and is kept for the time of "
        "`hold` then; or `aside`, where the old one gives up its name first.",
        "examples": ["allow", {"how": "beside", "checks": ["goals"], "hold": "24h"}],
    },
}

LATER: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "from": {
            "type": "string",
            "description": "`analyses/topics/final`, or a group, `analyses/topics`: that of this very input.",
        },
        "at": {
            "type": "string",
            "description": "JSON Pointer of what it says, `/topic`; the whole text, when left out.",
        },
    },
    "required": ["from"],
    "additionalProperties": False,
    "description": "What an analysis says: known after apply.",
}


def stack_schema(provider: str) -> dict[str, Any]:
    """What a stack of a provider may say."""
    kinds = kinds_of(provider)
    sections = {kind.section: _section(kind, kinds) for kind in kinds if kind.parent is None}
    return {
        "$schema": DIALECT,
        "title": f"reconciler stack for {provider}",
        "type": "object",
        "properties": {**_frame(provider, kinds), **_checks(provider), **sections},
        "additionalProperties": False,
    }


def _checks(name: str) -> dict[str, Any]:
    """What searches should find, where there is a way to search."""
    searches = provider_of(name).searches
    return {} if searches is None else {"checks": checks_schema(searches)}


def _frame(provider: str, kinds: Kinds) -> dict[str, Any]:
    address = {"type": "string", "pattern": "^[a-z_]+/"}
    first = next(kind.section for kind in kinds if kind.parent is None)
    return {
        "stack": {
            "type": "string",
            "pattern": NAME_OR_VARIABLES,
            "description": "Name of the stack; stamped on what it makes. It may hold variables: `archive-${stage}`.",
            "examples": ["archive"],
        },
        "provider": {"const": provider, "description": "Whose account it is."},
        "variables": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"default": {}, "description": {"type": "string"}},
                "additionalProperties": False,
            },
            "description": "Values to use as `${name}`; their types are kept.",
            "examples": [{"season": {"default": 2024}}],
        },
        "include": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Globs of more files, which hold sections and settings, but no head.",
            "examples": [["parts/*.yaml"]],
        },
        "defaults": _defaults(kinds),
        "results": _results(),
        "stamps": {
            "type": "boolean",
            "default": True,
            "description": "false: no marks in metadata; then the state must not be lost.",
            "examples": [False],
        },
        "refresh": _refresh(),
        "guards": _guards(),
        "prices": {
            "type": "object",
            "description": "Prices that override the built-in table.",
            "examples": [{"currency": "EUR", "index_minute": 0.04}],
        },
        "moved": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"from": address, "to": address},
                "required": ["from", "to"],
                "additionalProperties": False,
            },
            "description": "New addresses of what exists.",
            "examples": [[{"from": f"{first}/old", "to": f"{first}/new"}]],
        },
        "removed": {
            "type": "array",
            "items": address,
            "description": "Addresses to stop managing, and keep; globs too.",
            "examples": [[f"{first}/old", f"{first}/2019-*"]],
        },
        "outputs": _outputs(first),
        "allow_models": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Models that are newer than the built-in list of names.",
            "examples": [["some-model-9"]],
        },
        "ignore": {
            **COMMON["ignore"],
            "description": "Fields whose differences are left alone in all resources; globs too.",
        },
        "metadata_schema": {
            **_metadata_schema(),
            "description": "JSON Schema that all metadata must satisfy; or one for each section.",
            "examples": ["schemas/metadata.json"],
        },
    }


def _defaults(kinds: Kinds) -> dict[str, Any]:
    shapes = shapes_of(kinds)
    first = next(kind.section for kind in kinds if kind.parent is None)
    properties: dict[str, Any] = {}
    for kind in kinds:
        section = "/".join(kind.section_path())
        shape = at(section, shapes)
        words = may_be_shared(shape) if shape else ()
        fields = _resource(kind, kinds)["properties"]
        shared = {name: fields[name] for name in words}
        properties[section] = {"type": "object", "properties": shared, "additionalProperties": False}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "description": "Fields given once for all entries of a section; what an entry says goes before.",
        "examples": [{first: {"protect": True}}],
    }


def _results() -> dict[str, Any]:
    text = {"type": "string"}
    words = {"to": text, "table": text, "columns": {"type": "object", "additionalProperties": text}}
    mapping = {"type": "object", "properties": words, "additionalProperties": False}
    several = {
        "type": "object",
        "properties": {"default": {"anyOf": [text, mapping]}},
        "propertyNames": {"pattern": KEY, "not": {"enum": [*words]}},
        "additionalProperties": {"anyOf": [text, mapping]},
        "required": ["default"],
    }
    doc = "Where what is made from media is kept: a directory, a URL, or several by name, for `into:`."
    return {"anyOf": [text, mapping, several], "description": doc, "default": "results", "examples": ["vectors"]}


def _outputs(first: str) -> dict[str, Any]:
    address = {"type": "string", "pattern": "^[a-z_]+/"}
    said = {
        "type": "object",
        "properties": {"from": address, "at": {"type": "string", "default": "id"}},
        "required": ["from"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "propertyNames": {"pattern": OUTPUT_NAME},
        "additionalProperties": {"anyOf": [address, said]},
        "description": "Names for ids and other facts, for programs: `reconciler output NAME`.",
        "examples": [{"its_id": f"{first}/main", "other": {"from": f"{first}/other", "at": "id"}}],
    }


def _refresh() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "mode": {"enum": [*MODES], "default": MODES[0]},
            "full_every": {"type": "string", "pattern": AGE, "default": ReadSettings().full_every},
        },
        "additionalProperties": False,
        "description": "How the account is read for a plan: whole, or by what differs since it was read whole.",
        "examples": [{"mode": "delta", "full_every": "24h"}],
    }


def _guards() -> dict[str, Any]:
    limits = {name: {"type": "number", "minimum": 0, "default": most} for name, most in DEFAULTS.items()}
    return {
        "type": "object",
        "properties": {**limits, **{name: {"type": "string"} for name in NO_LIMITS}},
        "additionalProperties": False,
        "description": "What a plan may do without being asked.",
        "examples": [{"max_deletes": 25, "max_cost": 100}],
    }


def _metadata_schema() -> dict[str, Any]:
    doc = "JSON Schema that all metadata below must satisfy, or the path of one."
    return {"type": ["object", "string"], "description": doc, "examples": ["schemas/metadata.json"]}


def _globs(kind: type[Kind]) -> dict[str, Any]:
    doc = f"Globs: one {kind.label[0]} for each file that fits, named after its path."
    return {**_names(doc), "examples": ["media/**/*.mp4"]}


def _names(doc: str) -> dict[str, Any]:
    """Names, or globs of them: one, or several."""
    return {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
        "description": doc,
        "examples": ["*"],
    }


def _table(what: str) -> dict[str, Any]:
    """A CSV, TSV or JSONL file, by its path or with how its columns are to be read."""
    mapping = {
        "type": "object",
        "properties": {"file": {"type": "string"}, "key": {"type": "string"}, "fields": {"type": "object"}},
        "required": ["file"],
        "additionalProperties": False,
    }
    doc = f"A CSV, TSV or JSONL table: {what}."
    return {"anyOf": [{"type": "string"}, mapping], "description": doc, "examples": ["table.csv"]}


def _section(kind: type[Kind], kinds: Kinds) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.__doc__ or "",
        "propertyNames": {"pattern": KEY},
        "additionalProperties": _resource(kind, kinds),
    }


def _resource(kind: type[Kind], kinds: Kinds) -> dict[str, Any]:
    made = model_of(kind).model_json_schema(schema_generator=_Generator)
    definitions, docs = made.get("$defs", {}), docs_of(kind)
    fields = {
        name: _or_variable(_or_later(field, _inlined(made["properties"][name], definitions))) | _example(field)
        for name, field in kind.specs.items()
        if not field.identity
    }
    for name, field in kind.specs.items():
        if field.from_file and field.from_file.word != name:
            fields[field.from_file.word] = {"type": "string", "description": f"Path of a file that holds `{name}`."}
        elif field.from_file:
            said = {key: value for key, value in fields[name].items() if key == "examples"}
            fields[name] = {"anyOf": [fields[name], {"type": "string"}], "description": docs[name], **said}
    common: Mapping[str, Any] = COMMON
    if kind.spreading():
        fields = _of_inputs(kind, fields)
        # A result is nobody's but the stack's.
        common = {name: said for name, said in COMMON.items() if name not in FOUND_BY}
    below = {child.section: _section(child, kinds) for child in kinds if child.parent is kind}
    extra: dict[str, Any] = {"metadata_schema": _metadata_schema()} if below else {}
    extra |= {f"{section}_from": _table("one for each row") for section in below}
    if kind.field_with(lambda field: field.file):
        extra |= {"files": _globs(kind), "metadata_from": _table("metadata of each file, or `sidecar`")}
    return {"type": "object", "properties": {**fields, **common, **extra, **below}, "additionalProperties": False}


def _example(field: Field) -> dict[str, Any]:
    """What could stand there, where its type alone does not say it."""
    if field.known:
        return {"examples": [max(field.known.names)]}
    if field.file:
        return {"examples": ["media/final.mp4"]}
    if field.ref:
        return {"examples": [["NAME"] if field.many else "NAME"]}
    return {}


def _of_inputs(kind: type[Kind], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of results holds: what is made of others by name, and what stands there by a name of its own."""
    each = kind.spreading()[0]
    docs = docs_of(kind)
    own = {field.name: field for field in kind.specs.values() if field.input}
    unsaid = {*own, *kind.found_out()}
    left = {name: schema for name, schema in fields.items() if name not in unsaid}
    if not own:
        return {**left, each.name: _names(docs[each.name])}
    shown = {
        name: {"type": "object", "additionalProperties": {"type": "string"}, "description": docs[name]}
        if field.named
        else fields[name]
        for name, field in own.items()
    }
    one = {"type": "object", "properties": shown, "additionalProperties": False, "minProperties": 1}
    named = {"type": "object", "propertyNames": {"pattern": KEY}, "additionalProperties": one}
    return {
        **left,
        each.name: {"anyOf": [*_names("")["anyOf"], named], "description": docs[each.name], "examples": ["*"]},
    }


class _Generator(GenerateJsonSchema):
    """With the texts below fields, without the titles that pydantic makes up, and without defaults that only mean "not
    declared"."""

    def model_schema(self, schema: Any) -> Any:
        made = super().model_schema(schema)
        for name, field in made.get("properties", {}).items():
            if text := docs_of(schema["cls"].declared_by)[name]:
                field.setdefault("description", text)
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Any:
        return self.generate_inner(schema["schema"])


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(item, definitions) for key, item in value.items() if key != "title"}
    return [_inlined(item, definitions) for item in value] if isinstance(value, list) else value


def _or_later(field: Field, schema: dict[str, Any]) -> dict[str, Any]:
    """A value in metadata may be what a result says."""
    values = schema.get("additionalProperties")
    if not field.stamped or not isinstance(values, Mapping):
        return schema
    options = values.get("anyOf", [values])
    return {**schema, "additionalProperties": {"anyOf": [*options, LATER]}}


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Any value may be written as `${name}`; null never means anything."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    said = {key: value for key, value in schema.items() if key in ("description", "examples")}
    inner = {key: value for key, value in schema.items() if key not in ("anyOf", *said)}
    if options:
        inner = options[0] if len(options) == 1 else {"anyOf": options}
    if inner.get("type") == "string" and "pattern" not in inner:
        return {**inner, **said}
    # A variable may stand anywhere in a text, but must be all there is where something else is wanted.
    pattern = VARIABLE if inner.get("type") == "string" else f"^{VARIABLE}$"
    return {"anyOf": [inner, {"type": "string", "pattern": pattern}], **said}
