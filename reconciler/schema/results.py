"""What commands print and write for programs, as JSON Schema: plans, reports, events."""

from __future__ import annotations

from typing import Any

from reconciler.model import Basis, Change, Plan
from reconciler.plan.codec import schema_of
from reconciler.schema.stack import DIALECT

__all__ = ["drift_schema", "error_schema", "event_schema", "plan_schema", "report_schema", "wait_schema"]

VERSION: dict[str, Any] = {"type": "string", "pattern": r"^1\.\d+$"}
TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
OF_EVERY_RESULT: dict[str, Any] = {
    "kind": {"enum": ["plan", "drift", "apply", "error"], "description": "What was run, or that it came to nothing."},
    "path": {"type": "string", "description": "Of the stack, from the root of the repository."},
    "tool_version": {"type": "string"},
    "refusals": {**TEXTS, "description": "What the guards say against it: nothing is done as long as they do."},
    "consents": {**TEXTS, "description": "What was agreed to, as flags."},
}
"""What `--format json` and `--report json=FILE` have of whatever was run. A saved plan has none of it."""
WHERE: dict[str, Any] = {
    "type": "object",
    "description": "Where YAML declares it, if it does: from the root of the repository; 0 is the whole file.",
    "required": ["file", "line", "column"],
    "properties": {
        "file": {"type": "string"},
        "line": {"type": "integer", "minimum": 0},
        "column": {"type": "integer", "minimum": 0},
    },
}


def plan_schema() -> dict[str, Any]:
    """A plan, as it is shown and as `plan -o` saves it."""
    plan, parts = schema_of(Plan)
    plan["properties"] |= {
        "format_version": VERSION,
        "summary": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        **OF_EVERY_RESULT,
        **_of_the_file(),
    }
    parts["Change"]["properties"]["where"] = WHERE
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


def drift_schema() -> dict[str, Any]:
    """What was changed outside git, as `drift --format json` prints it."""
    change, parts = schema_of(Change)
    change["properties"]["where"] = WHERE
    problem = schema_of(Plan)[1]["Problem"]
    text = {"type": "string"}
    names = ("kind", "id", "name")
    foreign = {"type": "object", "required": list(names), "properties": dict.fromkeys(names, text)}
    properties = {
        "format_version": VERSION,
        "stack": text,
        "provider": text,
        "baseline": {"enum": ["recorded", "declared"], "description": "What live was compared with."},
        "drift": {"type": "array", "items": {"$ref": "#/$defs/Change"}},
        "unmanaged": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0},
            "description": "How many foreign objects of each kind were seen, if it was asked for.",
        },
        "unmanaged_objects": {"type": "array", "items": foreign},
        "diagnostics": {"type": "array", "items": {"$ref": "#/$defs/Problem"}},
        **OF_EVERY_RESULT,
    }
    return {
        "$schema": DIALECT,
        "title": "reconciler drift",
        "description": "What was changed outside git. In a delta, `before` is as applied, `after` as it is now.",
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "$defs": {**parts, "Change": change, "Problem": problem},
    }


def error_schema() -> dict[str, Any]:
    """What is printed and written in place of a result when there is none."""
    properties = {
        "format_version": VERSION,
        "errored": {"const": True},
        "reason": {"enum": ["invalid", "refused", "locked", "unauthorised", "stale", "error"]},
        "diagnostics": {"type": "array", "items": schema_of(Plan)[1]["Problem"]},
        **OF_EVERY_RESULT,
    }
    return {
        "$schema": DIALECT,
        "title": "reconciler error",
        "description": "That there is no result, and why.",
        "type": "object",
        "required": list(properties),
        "properties": properties,
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
    """One line of `apply --json-events`, and of `wait --json-events`."""
    count = {"type": "integer", "minimum": 0}
    text = {"type": "string"}
    types: dict[str, dict[str, Any]] = {
        "began": {"stack": text, "provider": text, "command": text, "steps": count, "upload_bytes": count},
        "start": {"address": text, "verb": text},
        "done": {"address": text, "verb": text},
        "failed": {"address": text, "message": text},
        "skipped": {"address": text, "message": text},
        "awaited": {"address": text, "message": text},
        "waiting": {"ready": count, "waiting": count},
        "pause": {"seconds": count, "message": text},
        "narrowed": {"kind": text, "at_a_time": count, "message": text},
        "upload": {"address": text, "bytes_done": count, "bytes_total": count, "bytes_per_s": count},
        "heartbeat": {"steps_done": count, "steps": count, "bytes_done": count, "bytes_total": count},
        "ended": {"report": {"type": "object", "description": "As in report.json."}},
        "waited": {"waited": {"type": "object", "description": "Of `wait`, instead of `ended`: as in wait.json."}},
    }
    return {
        "$schema": DIALECT,
        "title": "reconciler apply event",
        "description": "One object a line. Readers ignore keys and types that they do not know.",
        "type": "object",
        "required": ["format_version", "n", "time", "type"],
        "properties": {
            "format_version": VERSION,
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


def wait_schema() -> dict[str, Any]:
    """What became of what was awaited, as `wait --format json` prints it."""
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    outcome = {
        "address": text,
        "kind": text,
        "id": {"type": ["string", "null"], "description": "Of the object; null of a task that has made none yet."},
        "since": {"type": ["string", "null"], "description": "Since when it is awaited."},
        "result": {"enum": ["ready", "failed", "awaited"]},
        "message": text,
    }
    properties = {
        "format_version": VERSION,
        "stack": text,
        "result": {"enum": ["done", "failed", "awaited", "interrupted"], "description": "done: all of it is ready."},
        "outcomes": {
            "type": "array",
            "items": {"type": "object", "required": list(outcome), "properties": outcome},
        },
        "unfinished": {
            "type": "array",
            "items": text,
            "description": "Addresses for which something was begun that is not made yet: `apply` goes on with it.",
        },
        "requests": count,
        "recorded": {"type": "boolean", "description": "Whether the state says it: not while another run holds it."},
        "seconds": {"type": "number", "minimum": 0},
    }
    return {
        "$schema": DIALECT,
        "title": "reconciler wait",
        "description": "What became of what was awaited.",
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def report_schema() -> dict[str, Any]:
    """How an apply went, as `apply --format json` prints it."""
    return {
        "$schema": DIALECT,
        "title": "reconciler apply report",
        "type": "object",
        "required": ["format_version", "stack", "run", "result", "outcomes", "requests", "writes"],
        "properties": {
            "format_version": VERSION,
            "stack": {"type": "string"},
            "run": {"type": "string"},
            "result": {
                "enum": ["done", "awaited", "partial", "interrupted"],
                "description": "awaited: nothing failed, and the API is still at work (`apply --no-wait`)",
            },
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
                            "enum": ["done", "begun", "awaited", "failed", "skipped"],
                            "description": "begun: a part of it was done, the next run does the rest; awaited: the "
                            "next run goes on with it when the API is ready",
                        },
                        "message": {"type": "string"},
                        "wrote": {"type": "boolean", "description": "Whether something of it was done"},
                    },
                },
            },
            "checks": {"type": "array", "items": {"type": "object"}, "description": "With `--check`: as `check` says."},
            "requests": {"type": "integer", "minimum": 0},
            "writes": {"type": "integer", "minimum": 0},
            "seconds": {"type": "number", "minimum": 0, "description": "From the first step to the last."},
            **OF_EVERY_RESULT,
        },
    }
