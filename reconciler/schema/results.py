"""What commands print and write for programs, as JSON Schema: plans, reports, events."""

from __future__ import annotations

from typing import Any

from reconciler.model import Basis, Plan
from reconciler.plan.codec import schema_of
from reconciler.schema.stack import DIALECT

__all__ = ["event_schema", "plan_schema", "report_schema"]


def plan_schema() -> dict[str, Any]:
    """A plan, as it is shown and as `plan -o` saves it."""
    plan, parts = schema_of(Plan)
    plan["properties"] |= {
        "format_version": {"type": "string", "pattern": r"^1\.\d+$"},
        "summary": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        **_of_the_file(),
    }
    plan["required"] = ["format_version", *plan["required"], "summary"]
    return {
        "$schema": DIALECT,
        "title": "reconciler plan",
        **plan,
        "dependentRequired": {
            "digest": ["seal", "steps", "left_out", "origin", "tool_version", "unmanaged", "diagnostics"]
        },
        "$defs": parts,
    }


def _of_the_file() -> dict[str, Any]:
    """What only a plan that `plan -o` saved has, beside all of the plan."""
    return {
        "origin": schema_of(Basis)[0],
        "tool_version": {"type": "string", "description": "Only this version applies it."},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of all the rest: do not edit."},
        "seal": {"type": "string", "description": "Of the digest, by the account's key: who has it made the plan."},
    }


def event_schema() -> dict[str, Any]:
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
        "pause": {"seconds": count, "message": text},
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


def report_schema() -> dict[str, Any]:
    """How an apply went, as `apply --format json` prints it."""
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
                    "required": ["address", "action", "result", "message", "wrote"],
                    "properties": {
                        "address": {"type": "string"},
                        "id": {"type": "string", "description": "Of what is there now; empty where nothing is"},
                        "action": {"type": "string"},
                        "result": {
                            "enum": ["done", "begun", "failed", "skipped"],
                            "description": "begun: a part of it was done, the next run does the rest",
                        },
                        "message": {"type": "string"},
                        "wrote": {"type": "boolean", "description": "Whether something of it was done"},
                    },
                },
            },
            "checks": {"type": "array", "items": {"type": "object"}, "description": "With `--check`: as `check` says."},
            "requests": {"type": "integer", "minimum": 0},
            "writes": {"type": "integer", "minimum": 0},
        },
    }
