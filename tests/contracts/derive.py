"""Writes facts.json anew from an OpenAPI document: `python -m tests.contracts.derive openapi.json`.

Kept are methods, paths, statuses, fields, types and what is required; no prose, no examples, no defaults, no limits.
Operations that the emulator does not serve are kept by name only. The notation:

    "string", "integer", "number", "boolean", "time", "uri", "file", "json", "null", "any"     a value
    "=a|b"             one of these texts          "?T"    T, or null        {"null or": T}    likewise, if T is no text
    [T]                a list of T                 {"*": T}                  a map whose keys are free
    {"name*": T, ...}  an object; with a star, required                      {"one of": [T, ...]}    any of these
    "Name"             a shape from "types": what is large, and occurs more than once
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from reconciler.emulator.twelvelabs.families import FAMILIES

FACTS = Path(__file__).with_name("facts.json")
METHODS = ("get", "post", "put", "patch", "delete")
FORMATS = {"date-time": "time", "uri": "uri", "binary": "file"}
JSON_IN_FORMS = {"user_metadata", "filter"}
"""Form fields that are declared as text, and are JSON in it."""
SMALL, LONG = 36, 40
"""Characters: a shape of fewer is written out each time, and so is one whose name has more."""
BODIES = {"application/json": "json", "multipart/form-data": "form"}


def served() -> set[str]:
    """What the emulator serves of this vendor, as `METHOD /path`."""
    return {f"{r.method} {r.path}" for family in FAMILIES if family.api is None for r in family.routes}


class Derived:
    """Turns schemas into the notation; remembers how often a shape occurs and what it was called."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.names: dict[str, set[str]] = {}
        self.seen: Counter[str] = Counter()

    def resolved(self, schema: dict[str, Any]) -> tuple[dict[str, Any], str]:
        name = ""
        while "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            schema = self.document["components"]["schemas"][name]
        return schema, name

    def type(self, schema: dict[str, Any]) -> Any:
        schema, name = self.resolved(schema)
        if "oneOf" in schema:
            return _either([self.type(each) for each in schema["oneOf"]])
        kinds = schema.get("type", "any")
        if isinstance(kinds, list):
            return _either([self.type({**schema, "type": kind}) for kind in kinds])
        if "enum" in schema and kinds == "string":
            return "=" + "|".join(schema["enum"])
        if kinds == "array":
            return [self.type(schema.get("items", {}))]
        if kinds == "object":
            return self._object(schema, name)
        return FORMATS.get(schema.get("format", ""), kinds)

    def _object(self, schema: dict[str, Any], name: str) -> Any:
        if not schema.get("properties"):
            return {"*": self.type(schema.get("additionalProperties") or {})}
        required = set(schema.get("required", ()))
        shape = {f"{n}*" if n in required else n: self.type(s) for n, s in schema["properties"].items()}
        key = _text(shape)
        self.names.setdefault(key, set()).update({name} - {""})
        self.seen[key] += 1
        return shape


def _either(options: list[Any]) -> Any:
    some = [each for each in options if each != "null"]
    if len(some) < len(options):
        inner = some[0] if len(some) == 1 else {"one of": some}
        return f"?{inner}" if isinstance(inner, str) else {"null or": inner}
    distinct = [each for position, each in enumerate(some) if each not in some[:position]]
    return distinct[0] if len(distinct) == 1 else {"one of": distinct}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def operations(document: dict[str, Any], derived: Derived) -> dict[str, Any]:
    """Every operation of the document by `METHOD /path`; parameters of paths have `_` for `-`, as in the emulator."""
    found = {}
    for path, methods in document["paths"].items():
        local = re.sub(r"\{[^}]*\}", lambda part: part[0].replace("-", "_"), path)
        for method in METHODS:
            if method in methods:
                found[f"{method.upper()} {local}"] = _operation(methods[method], derived)
    return found


def _operation(given: dict[str, Any], derived: Derived) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for parameter in given.get("parameters", ()):
        if parameter["in"] == "query":
            name = parameter["name"] + ("*" if parameter.get("required") else "")
            facts.setdefault("query", {})[name] = derived.type(parameter["schema"])
    for media, content in given.get("requestBody", {}).get("content", {}).items():
        facts[BODIES[media]] = body = derived.type(content["schema"])
        if BODIES[media] == "form":
            facts["form"] = {n: "json" if n.rstrip("*") in JSON_IN_FORMS else t for n, t in body.items()}
    facts["answers"] = {status: _answer(answer, derived) for status, answer in given["responses"].items()}
    return facts


def _answer(given: dict[str, Any], derived: Derived) -> Any:
    """The type of the body; null if there is none. Who asks for no stream gets what its last event brings."""
    content = given.get("content")
    if content and "text/event-stream" in content:
        events = derived.type(content["text/event-stream"]["schema"])["one of"]
        return _either([next(event["response"] for event in events if "response" in event), *events])
    return derived.type(next(iter(content.values())).get("schema", {})) if content else None


class Namer:
    """Gives a name to each large shape that occurs more than once, and puts the name in its place."""

    def __init__(self, derived: Derived, found: dict[str, Any]) -> None:
        self.counts: Counter[str] = Counter()
        self._count(found)
        self.derived = derived
        self.types: dict[str, Any] = {}
        self._called: dict[str, str] = {}

    def _count(self, value: Any) -> None:
        if isinstance(value, dict):
            self.counts[_text(value)] += 1
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._count(inner)

    def named(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.named(each) for each in value]
        if not isinstance(value, dict):
            return value
        key = _text(value)
        if key not in self._called:
            shape = {name: self.named(each) for name, each in value.items()}
            name = self._name(key, shape)
            if self.counts[key] < 2 or not name or len(key) < SMALL:
                return shape
            self._called[key] = name
            self.types[name] = shape
        return self._called[key]

    def _name(self, key: str, shape: dict[str, Any]) -> str:
        """The shortest that the document has for it; none if it has none, or if that is taken."""
        if set(shape) == {"code", "message"}:
            return "Error"
        words = min(self.derived.names.get(key, ()), key=lambda name: (len(name), name), default="")
        name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", words))
        return "" if name in self.types or len(name) > LONG else name


def written(document: dict[str, Any]) -> str:
    """The whole file: one line a shape, one line an operation."""
    derived = Derived(document)
    every, here = operations(document, derived), served()
    found = {name: facts for name, facts in every.items() if name in here}
    namer = Namer(derived, found)
    shown = {name: namer.named(facts) for name, facts in found.items()}
    parts = {"types": namer.types, "operations": shown}
    lines = ["{"]
    for title, entries in parts.items():
        rows = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(entries.items())]
        lines += [f"  {json.dumps(title)}: {{", ",\n".join(rows), "  },"]
    rows = [f"    {json.dumps(name)}" for name in sorted(set(every) - here)]
    lines += ['  "not served": [', ",\n".join(rows), "  ]", "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FACTS.write_text(written(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
