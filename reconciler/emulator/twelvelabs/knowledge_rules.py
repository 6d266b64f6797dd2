"""What a knowledge store takes: metadata with limits of its own, and the schema that enriches what comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs import metadata
from reconciler.emulator.twelvelabs.problems import invalid
from reconciler.emulator.twelvelabs.reading import Body

__all__ = ["PREFIX_COLLECTION", "PREFIX_ITEM", "PREFIX_STORE", "enrichment", "user_metadata"]

PREFIX_STORE, PREFIX_ITEM, PREFIX_COLLECTION = "ks_", "ksi_", "ksic_"
LONGEST_KEY, DEEPEST = 128, 32
KEYWORDS = frozenset(
    {
        "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum",
        "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength", "maximum",
        "minItems", "minLength", "minimum", "pattern", "properties", "required", "title", "type", "uniqueItems",
    }
)  # fmt: skip


def user_metadata(fields: Body, *, pairs: int, letters: int) -> dict[str, Any] | None:
    """The metadata that was sent, None if none was. Here null is an error, and what is empty is kept."""
    values = fields.mapping("metadata")
    if values is None:
        return None
    if len(values) > pairs:
        raise invalid(f"The metadata parameter may have {pairs} pairs at most.")
    for key, value in metadata.checked(values, name="metadata").items():
        if value is None:
            raise invalid(f"metadata.{key[:64]} must not be null.")
        if len(key) > LONGEST_KEY:
            raise invalid(f"A key of metadata may have {LONGEST_KEY} characters at most.")
        if any(
            len(text) > letters for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
        ):
            raise invalid(f"metadata.{key[:64]} may have {letters} characters at most.")
    return values


def enrichment(fields: Body) -> dict[str, Any] | None:
    """`ingestion_config` as it was sent, if it is one of the two kinds."""
    config = fields.maybe_section("ingestion_config")
    if config is None:
        return None
    part = config.section("enrichment_config")
    if part.one_of("type", ("json_schema", "description")) == "description":
        part.text("description")
    else:
        schema = part.section("json_schema")
        schema.one_of("type", ("object",))
        schema.section("properties")
        _check(schema.raw, schema.where)
    part.done()
    config.done()
    return config.raw


def _check(schema: Mapping[str, Any], where: str) -> None:
    _check_keywords(schema, where, 0)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except (jsonschema.SchemaError, RecursionError, OverflowError) as error:
        raise _refused(where, str(getattr(error, "message", error))[:120]) from error


def _check_keywords(schema: Any, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise _refused(where, "it is nested too deeply")
    if not isinstance(schema, Mapping):
        return
    for keyword, value in schema.items():
        if keyword not in KEYWORDS:
            raise _refused(where, f"the keyword {keyword[:64]!r} is not known")
        if keyword in ("properties", "$defs") and isinstance(value, Mapping):
            inner = list(value.values())
        else:
            inner = value if keyword == "anyOf" and isinstance(value, list) else [value] if keyword == "items" else []
        for part in inner:
            _check_keywords(part, f"{where}.{keyword}", depth + 1)


def _refused(where: str, why: str) -> ApiProblem:
    return ApiProblem(422, "parameter_invalid", f"{where[:200]} is not supported: {why}.")
