"""What commands print and write for programs, as JSON Schema: plans, reports, events."""

from __future__ import annotations

from typing import Any

from reconciler.model import Verb
from reconciler.schema.stack import DIALECT

__all__ = ["event_schema", "plan_schema", "report_schema"]


def plan_schema() -> dict[str, Any]:
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
            "digest": ["seal", "steps", "left_out", "origin", "tool_version", "unmanaged", "diagnostics"]
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
        "required": ["id", "verb", "kind", "needs"],
        "properties": {
            "id": text,
            "verb": {"enum": [verb.value for verb in Verb]},
            "kind": text,
            "needs": texts,
        },
    }
    origin = {
        "type": "object",
        "required": ["account", "stack_digest", "path", "from_here", "variables", "values", "options", "consent"],
        "properties": {
            "account": {"type": "string", "description": "Base URL and a digest of the key; no key."},
            "stack_digest": text,
            "path": {"type": "string", "description": "Of the stack, as it was given."},
            "from_here": {"type": "string", "description": "Of the stack, from the directory of this file."},
            "variables": {"type": "object", "additionalProperties": text},
            "values": {"type": "object", "description": "Of the file of --var-file."},
            "options": {"type": "object"},
            "consent": {"type": "object"},
        },
    }
    return {
        "steps": {"type": "array", "items": step, "description": "What apply does, in an order that can be done."},
        "left_out": {"type": "integer", "minimum": 0, "description": "Changes outside of what was chosen."},
        "origin": origin,
        "tool_version": {"type": "string", "description": "Only this version applies it."},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of all the rest: do not edit."},
        "seal": {"type": "string", "description": "Of the digest, by the account's key: who has it made the plan."},
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
            "requests": {"type": "integer", "minimum": 0},
            "writes": {"type": "integer", "minimum": 0},
        },
    }
