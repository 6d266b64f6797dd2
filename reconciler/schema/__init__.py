"""JSON Schemas out of the kinds, for editors and for whoever writes stacks by program; and the texts of `explain`.

The loader does not use them: its checks come from the same classes and say more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reconciler.provider import names
from reconciler.schema.explain import effect, explain, explain_top, fields_table, top_words, words_of
from reconciler.schema.results import drift_schema, error_schema, event_schema, plan_schema, report_schema, wait_schema
from reconciler.schema.stack import COMMON, stack_schema
from reconciler.schema.words import default_of, example_of, values_of

__all__ = [
    "COMMON",
    "default_of",
    "effect",
    "example_of",
    "explain",
    "explain_top",
    "fields_table",
    "render",
    "schemas",
    "stack_schema",
    "top_words",
    "values_of",
    "words_of",
]


def schemas() -> dict[str, dict[str, Any]]:
    """file name → schema, of all that is kept under `schemas/`."""
    return {f"{name}.json": stack_schema(name) for name in names()} | {
        "plan.json": plan_schema(),
        "drift.json": drift_schema(),
        "report.json": report_schema(),
        "error.json": error_schema(),
        "event.json": event_schema(),
        "wait.json": wait_schema(),
    }


def render(schema: Mapping[str, Any]) -> str:
    """As it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
