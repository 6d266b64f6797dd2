"""JSON Schemas out of the kinds, for editors and for whoever writes stacks by program; and the texts of `explain`.

The loader does not use them: its checks come from the same classes and say more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from reconciler.kind import Field, Kind, Update
from reconciler.model import Verb
from reconciler.providers import kinds_of, names

__all__ = ["effect", "explain", "fields_table", "render", "schemas", "stack_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KEY = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
VARIABLE = r"\$\{[^}]+\}"

COMMON: Mapping[str, Any] = {
    "protect": {"type": "boolean", "description": "Refuse every plan that would delete or replace it."},
    "ignore": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Field paths whose differences are left alone, such as `metadata.rating`.",
    },
    "id": {"type": "string", "description": "Adopt exactly this object of the account."},
    "external": {"type": "boolean", "description": "Look it up, refer to it, never change it."},
    "replace": {"const": "allow", "description": "Agree to its being replaced."},
}


def schemas() -> dict[str, dict[str, Any]]:
    """file name → schema, of all that is kept under `schemas/`."""
    return {f"{name}.json": stack_schema(name) for name in names()} | {
        "plan.json": _plan_schema(),
        "report.json": _report_schema(),
        "event.json": _event_schema(),
    }


def render(schema: Mapping[str, Any]) -> str:
    """As it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stack_schema(provider: str) -> dict[str, Any]:
    """What a stack of a provider may say."""
    kinds = kinds_of(provider)
    sections = {kind.section: _section(kind, kinds) for kind in kinds if kind.parent is None}
    return {
        "$schema": DIALECT,
        "title": f"reconciler stack for {provider}",
        "type": "object",
        "properties": {**_frame(provider), **sections},
        "additionalProperties": False,
    }


def _frame(provider: str) -> dict[str, Any]:
    address = {"type": "string", "pattern": "^[a-z_]+/"}
    return {
        "stack": {"type": "string", "pattern": KEY, "description": "Name of the stack; stamped on what it makes."},
        "provider": {"const": provider},
        "variables": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"default": {}, "description": {"type": "string"}},
                "additionalProperties": False,
            },
            "description": "Values to use as `${name}`; their types are kept.",
        },
        "include": {"type": "array", "items": {"type": "string"}, "description": "Globs of more files."},
        "stamps": {"type": "boolean", "description": "false: no marks in metadata; then the state must not be lost."},
        "guards": {"type": "object", "description": "What a plan may do without being asked."},
        "prices": {"type": "object", "description": "Prices that override the built-in table."},
        "moved": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"from": address, "to": address},
                "required": ["from", "to"],
                "additionalProperties": False,
            },
            "description": "New addresses of what exists.",
        },
        "removed": {"type": "array", "items": address, "description": "Addresses to stop managing, and keep."},
        "metadata_schema": _metadata_schema(),
    }


def _metadata_schema() -> dict[str, Any]:
    return {"type": ["object", "string"], "description": "JSON Schema that all metadata below must satisfy."}


_GLOBS: Mapping[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    "description": "Globs: an asset for each file that fits, named after its path.",
}


def _table(what: str) -> dict[str, Any]:
    """A CSV, TSV or JSONL file, by its path or with how its columns are to be read."""
    mapping = {
        "type": "object",
        "properties": {"file": {"type": "string"}, "key": {"type": "string"}, "fields": {"type": "object"}},
        "required": ["file"],
        "additionalProperties": False,
    }
    return {"anyOf": [{"type": "string"}, mapping], "description": f"A CSV, TSV or JSONL table: {what}."}


def _section(kind: type[Kind], kinds: tuple[type[Kind], ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.__doc__ or "",
        "propertyNames": {"pattern": KEY},
        "additionalProperties": _resource(kind, kinds),
    }


def _resource(kind: type[Kind], kinds: tuple[type[Kind], ...]) -> dict[str, Any]:
    made = kind.model_json_schema(schema_generator=_Generator)
    definitions = made.get("$defs", {})
    fields = {
        name: _or_variable(_inlined(made["properties"][name], definitions))
        for name, field in kind.specs.items()
        if not field.identity
    }
    below = {child.section: _section(child, kinds) for child in kinds if child.parent is kind}
    extra: dict[str, Any] = {"metadata_schema": _metadata_schema()} if below else {}
    extra |= {f"{section}_from": _table("one for each row") for section in below}
    if "file" in kind.specs:
        extra |= {"files": _GLOBS, "metadata_from": _table("metadata of each file, or `sidecar`")}
    return {"type": "object", "properties": {**fields, **COMMON, **extra, **below}, "additionalProperties": False}


class _Generator(GenerateJsonSchema):
    """Without the titles that pydantic makes up, and without defaults that only mean "not declared"."""

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


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Any value may be written as `${name}`; null never means anything."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    said = {key: value for key, value in schema.items() if key == "description"}
    inner = {key: value for key, value in schema.items() if key not in ("anyOf", "description")}
    if options:
        inner = options[0] if len(options) == 1 else {"anyOf": options}
    if inner.get("type") == "string" and "pattern" not in inner:
        return {**inner, **said}
    # A variable may stand anywhere in a text, but must be all there is where something else is wanted.
    pattern = VARIABLE if inner.get("type") == "string" else f"^{VARIABLE}$"
    return {"anyOf": [inner, {"type": "string", "pattern": pattern}], **said}


def _plan_schema() -> dict[str, Any]:
    change = {
        "type": "object",
        "required": ["address", "kind", "action", "reason", "deltas", "replace_paths"],
        "properties": {
            "address": {"type": "string"},
            "previous_address": {"type": "string"},
            "kind": {"type": "string"},
            "id": {"type": "string"},
            "action": {"enum": ["create", "update", "replace", "delete", "move", "adopt", "forget"]},
            "reason": {"type": "string", "description": "For people; decide nothing by it."},
            "deltas": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["path", "before", "after", "source"],
                    "properties": {
                        "path": {"type": "string"},
                        "before": {},
                        "after": {},
                        "source": {"enum": ["pending", "drift", "both"]},
                        "recorded": {"description": "What was last applied, where git and somebody else changed it."},
                    },
                },
            },
            "replace_paths": {"type": "array", "items": {"type": "string"}},
            "fields": {"type": "object", "description": "In saved plans: all that it is to be."},
            "parent_id": {"type": ["string", "null"]},
            "facts": {"type": "object"},
            "protect": {"type": "boolean"},
        },
    }
    counts = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
    return {
        "$schema": DIALECT,
        "title": "reconciler plan",
        "type": "object",
        "required": ["format_version", "stack", "provider", "changes", "drift", "summary", "estimate", "fingerprints"],
        "properties": {
            "format_version": {"type": "string", "pattern": r"^1\.\d+$"},
            "stack": {"type": "string"},
            "provider": {"type": "string"},
            "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
            "drift": {"type": "array", "items": {"$ref": "#/$defs/change"}},
            "summary": counts,
            "estimate": _estimate(),
            "unmanaged": counts,
            "fingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
            "diagnostics": {"type": "array", "items": {"$ref": "#/$defs/diagnostic"}},
            **_saved_plan(),
        },
        "dependentRequired": {
            "digest": ["steps", "containers", "left_out", "origin", "tool_version", "unmanaged", "diagnostics"]
        },
        "$defs": {"change": change, "diagnostic": _diagnostic()},
    }


def _estimate() -> dict[str, Any]:
    """What `estimate.estimated` gives."""
    count, number = {"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0}
    cost = {
        "type": ["object", "null"],
        "properties": {
            "amount": number,
            "currency": {"type": "string"},
            "as_of": {"type": ["string", "null"]},
            "source": {"type": "string"},
            "objects_without_price": count,
        },
    }
    known = {
        "writes": count | {"description": "Requests that change something; exact."},
        "polls": count | {"description": "Expected requests until all is ready."},
        "reads_spent": count | {"description": "Requests that planning took."},
        "uploads": count | {"description": "Files to send."},
        "upload_bytes": count,
        "chunk_requests": count | {"description": "Expected besides the writes, for files that are sent in chunks."},
        "index_minutes": number | {"description": "Of media whose length is known."},
        "index_objects": count,
        "index_objects_of_unknown_length": count,
        "cost": cost,
        "seconds_at_rate_limit": {"type": ["number", "null"]},
    }
    return {"type": "object", "required": list(known), "properties": known}


def _saved_plan() -> dict[str, Any]:
    """What only a plan that `plan -o` saved has."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    step = {
        "type": "object",
        "required": ["id", "verb", "kind", "addresses", "needs", "fields", "object_id", "parent_id", "writes"],
        "properties": {
            "id": text,
            "verb": {"enum": [verb.value for verb in Verb]},
            "kind": text,
            "addresses": texts,
            "needs": texts,
            "fields": {"type": "object"},
            "object_id": {"type": ["string", "null"]},
            "parent_id": {"type": ["string", "null"]},
            "writes": {"type": "integer", "minimum": 0},
        },
    }
    origin = {
        "type": "object",
        "required": ["account", "stack_digest", "path", "from_here", "variables", "var_file", "options", "consent"],
        "properties": {
            "account": {"type": "string", "description": "Base URL and a digest of the key; no key."},
            "stack_digest": text,
            "path": {"type": "string", "description": "Of the stack, as it was given."},
            "from_here": {"type": "string", "description": "Of the stack, from the directory of this file."},
            "variables": {"type": "object", "additionalProperties": text},
            "var_file": {"type": ["string", "null"]},
            "options": {"type": "object"},
            "consent": {"type": "object"},
        },
    }
    return {
        "steps": {"type": "array", "items": step, "description": "What apply does, in an order that can be done."},
        "containers": texts,
        "left_out": {"type": "integer", "minimum": 0, "description": "Changes outside of what was chosen."},
        "origin": origin,
        "tool_version": {"type": "string", "description": "Only this version applies it."},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of all the rest: do not edit."},
    }


def _diagnostic() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["severity", "summary", "address", "file", "line", "column"],
        "properties": {
            "severity": {"type": "string"},
            "summary": {"type": "string"},
            "address": {"type": "string"},
            "file": {"type": "string"},
            "line": {"type": "integer"},
            "column": {"type": "integer"},
        },
    }


def _event_schema() -> dict[str, Any]:
    """One line of `apply --json-events`."""
    count = {"type": "integer", "minimum": 0}
    text = {"type": "string"}
    types: dict[str, dict[str, Any]] = {
        "began": {"stack": text, "provider": text, "command": text, "steps": count, "upload_bytes": count},
        "start": {"address": text, "verb": text},
        "done": {"address": text, "verb": text},
        "failed": {"address": text, "message": text},
        "skipped": {"address": text, "message": text},
        "waiting": {"ready": count, "waiting": count},
        "upload": {"address": text, "bytes_done": count, "bytes_total": count, "bytes_per_s": count},
        "heartbeat": {"steps_done": count, "steps": count, "bytes_done": count, "bytes_total": count},
        "ended": {"report": {"type": "object", "description": "As in report.json."}},
    }
    return {
        "$schema": DIALECT,
        "title": "reconciler apply event",
        "description": "One object a line. Readers ignore keys and types that they do not know.",
        "type": "object",
        "required": ["format_version", "n", "time", "type"],
        "properties": {
            "format_version": {"type": "string", "pattern": r"^1\.\d+$"},
            "n": {"type": "integer", "minimum": 1, "description": "Counts from 1 without a gap."},
            "time": {"type": "string", "format": "date-time"},
            "type": {"enum": list(types)},
            "seconds_left": count,
        },
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"required": list(more), "properties": more}}
            for name, more in types.items()
        ],
    }


def _report_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": "reconciler apply report",
        "type": "object",
        "required": ["format_version", "stack", "run", "result", "outcomes", "requests", "writes"],
        "properties": {
            "format_version": {"type": "string", "pattern": r"^1\.\d+$"},
            "stack": {"type": "string"},
            "run": {"type": "string"},
            "result": {"enum": ["done", "partial", "interrupted"]},
            "outcomes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["address", "action", "result", "message"],
                    "properties": {
                        "address": {"type": "string"},
                        "action": {"type": "string"},
                        "result": {"enum": ["done", "failed", "skipped"]},
                        "message": {"type": "string"},
                    },
                },
            },
            "requests": {"type": "integer", "minimum": 0},
            "writes": {"type": "integer", "minimum": 0},
        },
    }


def effect(field: Field) -> str:
    """What a change of the field does to the object, in a few words."""
    match field.update:
        case Update.REPLACE:
            return "replaces the object"
        case Update.MERGE:
            return "in place, key by key"
        case Update.MEMBERS:
            return "in place: adds, then removes"
        case Update.NEVER:
            return "another content replaces the object; the same content changes nothing"
        case Update.WHOLE:
            return "in place"


def fields_table(provider: str) -> str:
    """The table of README: kinds, their fields, and what a change of each does."""
    lines = ["| kind | in YAML | field | what a change does |", "| --- | --- | --- | --- |"]
    for kind in kinds_of(provider):
        where = "/NAME/".join(kind.section_path())
        for number, field in enumerate(field for field in kind.specs.values() if not field.identity):
            first = number == 0
            name = kind.__name__ if first else ""
            place = f"`{where}/NAME`" if first else ""
            lines.append(f"| {name} | {place} | `{field.name}`{'*' if field.required else ''} | {effect(field)} |")
    return "\n".join(lines)


def explain(kind: type[Kind], word: str | None = None) -> Iterator[str]:
    """The text of `explain KIND` or `explain KIND.FIELD`. Raises KeyError for an unknown field."""
    if word is not None:
        field = kind.specs[word]
        if field.identity:
            raise KeyError(word)
        yield f"{kind.__name__}.{field.name}{' (required)' if field.required else ''}"
        yield f"  {field.doc}"
        yield f"  A change: {effect(field)}."
        yield from (f"  {note}." for note in _notes(field))
        return
    yield f"{kind.__name__}: {(kind.__doc__ or '').strip()}"
    yield f"  In YAML under: {'/NAME/'.join(kind.section_path())}/NAME"
    yield ""
    fields = [field for field in kind.specs.values() if not field.identity]
    width = max(len(field.name) for field in fields)
    for field in fields:
        yield f"  {field.name:<{width}}  {field.doc}"
        yield f"  {'':<{width}}  A change: {effect(field)}."
    yield ""
    yield "  Every resource also takes: " + ", ".join(COMMON) + "."


def _notes(field: Field) -> Iterator[str]:
    if field.ref:
        yield f"Names {field.ref} resources of this stack"
    if field.unordered:
        yield "Order does not matter"
    if field.from_key:
        yield "The key, when it is left out"
    if field.detail:
        yield "Lists leave it out: declaring it costs one request an object in each plan"
    if field.members and field.members.at_least:
        yield f"Never fewer than {field.members.at_least}"
