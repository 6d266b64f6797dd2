"""JSON Schema for data and schemas of strangers: bounded in time and depth, deaf to secrets, and never a traceback.

- Patterns run in RE2, which takes no longer for a mean text than for a kind one. It has no look-around and no
  back-references; a pattern that needs them is refused.
- Each rule that is applied is counted, over all of a stack. Rings and trees of `$ref` end there, or at a depth.
- A secret fits every rule but `type`, and a rule that would turn on its text is passed over: who reads the messages
  could else ask for one letter after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from reconciler.load.wording import cut
from reconciler.load.yaml.positions import Path
from reconciler.redact import Secret, holds_secret

__all__ = ["DRAFT", "Budget", "TooManySteps", "compiled", "matches", "unknown", "without_values"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

MOST_DEPTH: Final = 50
"""Levels of a schema; metadata is flat."""
MOST_PARTS: Final = 10_000
"""Of one schema: keywords, words of lists."""
MOST_STEPS: Final = 200_000
MORE_STEPS: Final = 300
"""Rules applied in a stack, and so many more for each resource with metadata."""

_PART_STEPS: Final = 20
"""What looking at a part of a schema costs, in rules applied."""
_ON_SECRETS: Final = frozenset({"type", "$ref", "$dynamicRef", "allOf", "anyOf"})
"""Rules that say nothing of a secret's text."""
_FAR: Final = frozenset({"$ref", "$dynamicRef"})
"""Rules that have to be looked up first."""
_COMPARE: Final = frozenset({"const", "enum", "uniqueItems"})
"""Rules that compare all that is in a list or a mapping."""
_TURN: Final = frozenset({"not", "oneOf", "if", "contains", "unevaluatedItems", "unevaluatedProperties"})
"""Rules that may turn the "fits" of an inner rule into "does not fit"."""

Errors = Callable[[Any], Iterable[Any]]


class TooManySteps(Exception):
    """A schema that asks for more work than is given; the text says of what."""


class Budget:
    """What may still be spent on the schemas of one stack."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def more(self) -> None:
        """Another resource is held against them."""
        self._left += MORE_STEPS

    def spend(self, steps: int) -> None:
        """Raises TooManySteps when it is used up."""
        self._left -= steps
        if self._left < 0:
            raise TooManySteps("takes too many steps to check; make it simpler")


def compiled(schema: Mapping[str, Any], budget: Budget) -> tuple[Path, str] | Errors:
    """What gives the violations of a value; or (path in the schema, what is wrong with it)."""
    try:
        return _problem(schema, budget) or _validator(schema, budget)
    except TooManySteps as error:
        return (), str(error)
    except Exception as error:  # the library trusts a schema to be kind
        return (), f"is not a valid JSON Schema that can be used ({type(error).__name__})"


def _problem(schema: Mapping[str, Any], budget: Budget) -> tuple[Path, str] | None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    for number, (path, key, value) in enumerate(_parts(schema)):
        if len(path) > MOST_DEPTH:
            return path, f"is nested deeper than {MOST_DEPTH} levels"
        if number > MOST_PARTS:
            return (), f"has more than {MOST_PARTS:,} parts"
        budget.spend(_PART_STEPS)
        # What lies elsewhere would be fetched, from wherever the writer of a pull request likes.
        if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
            return path, "may refer to its own parts only, as `#/$defs/…`"
    if schema.get("$schema", DRAFT) not in (DRAFT, f"{DRAFT}#"):
        return ("$schema",), f"is read as draft 2020-12; write {DRAFT}, or leave it out"
    try:
        Draft202012Validator.check_schema(dict(schema), format_checker=_formats())
    except SchemaError as error:
        return tuple(error.absolute_path), f"is not a valid JSON Schema: {cut(error.message)}"
    return next(_wrong_patterns(schema), None)


def _parts(schema: Any) -> Iterator[tuple[Path, Any, Any]]:
    """(path, last word of it, value) of all that is in a schema, breadth first, however deep it is."""
    # By levels and without recursion: how deep it is has to be found out first.
    level: list[tuple[Path, Any]] = [((), schema)]
    while level:
        inner: list[tuple[Path, Any]] = []
        for path, value in level:
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
            for key, item in pairs:
                yield (*path, key), key, item
                inner.append(((*path, key), item))
        level = inner


def _wrong_patterns(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Patterns that cannot be used; where a name and no keyword is meant, no harm is done by looking."""
    for path, key, value in _parts(schema):
        patterns = [value] if key == "pattern" else value if key == "patternProperties" else ()
        for pattern in patterns if isinstance(patterns, (list, dict)) else ():
            if isinstance(pattern, str) and (why := _why_not(pattern)):
                yield path, f'the pattern "{cut(pattern)}" cannot be used: {why}'
        if key == "unevaluatedProperties" and any(other == "patternProperties" for _, other, _ in _parts(schema)):
            yield path, "cannot stand in one schema with `patternProperties`; use `additionalProperties`"


def _why_not(pattern: str) -> str:
    import re2

    try:
        _pattern(pattern)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        around = "; look-around and back-references are not supported" if "perl" in said or "escape" in said else ""
        return f"{cut(said)}{around}"
    return ""


@lru_cache(maxsize=1_000)
def _pattern(pattern: str) -> Any:
    import re2

    # RE2, whose time grows with the text: Python's own can be kept busy for years by a pattern of ten characters.
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; in time that grows with both, and no faster."""
    return _pattern(pattern).search(text) is not None


def _validator(schema: Mapping[str, Any], budget: Budget) -> Errors:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    own = {"pattern": _fits, "patternProperties": _by_pattern, "additionalProperties": _others}
    rules, every = _Rules(budget), {**Draft202012Validator.VALIDATORS, **own}
    bounded: Any = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {name: rules.held(name, rule) for name, rule in every.items()}
    )
    # An empty registry: the library's own would fetch what a reference names.
    errors: Errors = bounded(schema, registry=Registry(), format_checker=_formats()).iter_errors
    return errors


@lru_cache(maxsize=1)
def _formats() -> Any:
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(())
    known = Draft202012Validator.FORMAT_CHECKER.checkers
    # `regex` means what Python takes for one; a pattern of ours is one of RE2.
    formats.checkers = {name: check for name, check in known.items() if name != "regex"}
    return formats


class _Rules:
    """The rules of JSON Schema, counted, and blind to secrets."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._blind = False
        """Whether a rule was asked of a secret, and let it pass."""

    def held(self, name: str, rule: Any) -> Any:
        """The rule as the library calls it."""

        def held(validator: Any, said: Any, value: Any, schema: Any) -> Iterable[Any]:
            size = len(said) if isinstance(said, (Mapping, list)) else 0
            if name == "uniqueItems" and isinstance(value, list):
                size = len(value) * len(value)  # each with each, when they cannot be sorted
            self._budget.spend((4 if name in _FAR else 1) + size // 50)
            if isinstance(value, Secret) and name not in _ON_SECRETS:
                self._blind = True
                return ()
            if name in _COMPARE | _TURN and holds_secret(value):
                return self._unless_blind(name, rule(validator, said, value, schema) or ())
            return rule(validator, said, value, schema) or ()

        return held

    def _unless_blind(self, name: str, errors: Iterable[Any]) -> Iterable[Any]:
        """What the rule finds, unless it hangs on the text of a secret."""
        before, self._blind = self._blind, name in _COMPARE
        found = list(errors)
        blind, self._blind = self._blind, before or self._blind
        return () if blind else found


def _fits(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not matches(pattern, value):
        yield ValidationError("does not fit")


def _by_pattern(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for pattern, rule in rules.items():
            for key, item in value.items():
                if matches(pattern, key):
                    yield from validator.descend(item, rule, path=key, schema_path=pattern)


def _others(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    for key in unknown(value, schema) if isinstance(value, dict) else ():
        if rule is False:
            # One of these stands for all: whoever explains it names each key.
            yield ValidationError("unknown keys")
            return
        yield from validator.descend(value[key], rule, path=key)


def unknown(value: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Keys that a schema does not speak of."""
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return [key for key in value if key not in named and not any(matches(pattern, key) for pattern in patterns)]


def without_values(value: Any) -> Any:
    """The same with the template of each secret in place of its text, still known as a secret."""
    if isinstance(value, Secret):
        return Secret(value.template, value.template)
    if isinstance(value, Mapping):
        return {key: without_values(item) for key, item in value.items()}
    return [without_values(item) for item in value] if isinstance(value, list) else value
