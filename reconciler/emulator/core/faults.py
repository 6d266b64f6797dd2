"""Hostility by rule: which requests go wrong, and how. A rule is JSON, so that any client can steer it over HTTP."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.core.endpoints import ListTweaks

__all__ = ["KINDS", "Decision", "Faults", "Rule"]

KINDS: Mapping[str, str] = {
    "status": "answer with `status`, `body` and `headers` instead of handling the request",
    "rate_limit": "answer 429, with `Retry-After: retry_after` if that is given",
    "delay": "wait `delay_s` before the request is handled",
    "drop_before": "close the connection before anything is done",
    "drop_after": "do it, then close the connection without an answer",
    "cut": "do it, then send only `sent` bytes of the answer's body (half of them by default)",
    "short_page": "leave the last `rows` rows out of a page, totals unchanged",
    "duplicate_row": "send the first `rows` rows of a page twice",
    "shift_page": "from page 2 on, behave as if `rows` rows came in before (negative: went); `keep_total` hides it",
    "lag": "a list shows what was there `reads` reads ago",
    "ends_failed": "what the request creates ends `failed`",
    "never_ready": "what the request creates never leaves its last status before `ready`",
    "url_expired": "a presigned URL is refused as expired",
}
NUMBERS = {
    "count": (1, 10**9), "after": (0, 10**9), "seed": (0, 2**63), "status": (200, 599), "retry_after": (0, 86400),
    "delay_s": (0, 86400), "sent": (0, 10**9), "rows": (-1000, 1000), "reads": (1, 1000), "probability": (0, 1),
}  # fmt: skip
FATES = {"ends_failed": "failed", "never_ready": "stuck", "url_expired": "expired"}


@dataclass(slots=True)
class Rule:
    """One rule: what it matches, how often it fires, what it does. Mutable only in its two counters."""

    fault: str
    method: str = "*"
    path: str = "**"
    query: Mapping[str, str] = field(default_factory=dict)
    contains: str = ""
    """Fires only if the request's body has this text in it."""
    count: int | None = None
    after: int = 0
    probability: float | None = None
    seed: int = 0
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    delay_s: float = 0.0
    sent: int | None = None
    rows: int = 1
    reads: int = 1
    keep_total: bool = False
    id: int = 0
    matched: int = 0
    fired: int = 0
    _pattern: re.Pattern[str] = field(default=re.compile(""), repr=False)

    def fires(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> bool:
        """Whether this request is to suffer; counts it either way."""
        if self.method not in ("*", method) or not self._pattern.fullmatch(path):
            return False
        if any(query.get(name) != value for name, value in self.query.items()) or self.contains.encode() not in body:
            return False
        # Counted before `after` and `count` are asked, so that "the third POST" is the third that came.
        self.matched += 1
        if self.matched <= self.after or (self.count is not None and self.fired >= self.count):
            return False
        # Chance follows from the seed and the number of the match: the same run fails in the same places.
        if self.probability is not None and _chance(self.seed, self.matched) >= self.probability:
            return False
        self.fired += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """What was given, and how often it matched and fired; what is not set is left out."""
        hidden = ("_pattern",)
        shown = {name: getattr(self, name) for name in self.__slots__ if name not in hidden}
        return {name: value for name, value in shown.items() if value not in (None, "", {})}


@dataclass(slots=True)
class Decision:
    """What all rules that fired say about one request."""

    delay_s: float = 0.0
    answer: Rule | None = None
    drop_before: bool = False
    drop_after: bool = False
    cut: Rule | None = None
    lag: Rule | None = None
    fate: str = ""
    tweaks: ListTweaks = field(default_factory=ListTweaks)
    fired: list[str] = field(default_factory=list)


class Faults:
    """The rules, in order. All that fire apply; the first that answers in the handler's place wins."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._made = 0

    def add(self, given: object) -> Rule:
        """A rule from its JSON; raises ValueError that says what is wrong with it."""
        rule = _rule(given)
        self._made += 1
        rule.id = self._made
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules; numbers go on."""
        self.rules.clear()

    @property
    def wants_body(self) -> bool:
        """Whether some rule looks into bodies, so that they must be read before it is asked."""
        return any(rule.contains for rule in self.rules)

    def judge(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Decision:
        """What happens to this request, by all rules that fire for it."""
        verdict = Decision()
        for rule in self.rules:
            if rule.fires(method, path, query, body):
                _add_to(verdict, rule)
        return verdict


def _add_to(verdict: Decision, rule: Rule) -> None:
    verdict.fired.append(rule.fault)
    verdict.delay_s += rule.delay_s
    tweaks = verdict.tweaks
    match rule.fault:
        case "status" | "rate_limit":
            verdict.answer = verdict.answer or rule
        case "drop_before":
            verdict.drop_before = True
        case "drop_after":
            verdict.drop_after = True
        case "cut":
            verdict.cut = rule
        case "lag":
            verdict.lag = rule
        case "short_page":
            verdict.tweaks = ListTweaks(rule.rows, tweaks.duplicate, tweaks.shift, tweaks.keep_total)
        case "duplicate_row":
            verdict.tweaks = ListTweaks(tweaks.drop, rule.rows, tweaks.shift, tweaks.keep_total)
        case "shift_page":
            verdict.tweaks = ListTweaks(tweaks.drop, tweaks.duplicate, rule.rows, rule.keep_total)
        case "ends_failed" | "never_ready" | "url_expired":
            verdict.fate = FATES[rule.fault]


def _rule(given: object) -> Rule:
    if not isinstance(given, dict):
        raise ValueError("a rule is a JSON object")
    fault = given.get("fault")
    if fault not in KINDS:
        raise ValueError(f"unknown fault {fault!r}; there are {', '.join(KINDS)}")
    allowed = {"method", "path", "query", "contains", "body", "headers", "keep_total", "fault", *NUMBERS}
    stray = [name for name in given if name not in allowed]
    if stray:
        raise ValueError(f"unknown in a rule: {', '.join(map(repr, stray))}")
    _check(given)
    rule = Rule(**given)
    rule.method = rule.method.upper()
    rule._pattern = _pattern(rule.path)
    return rule


def _check(given: Mapping[str, Any]) -> None:
    for name in ("method", "path", "contains"):
        if not isinstance(given.get(name, ""), str):
            raise ValueError(f"{name} must be text")
    for name in ("query", "headers"):
        values = given.get(name, {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise ValueError(f"{name} must be an object of texts")
    if not isinstance(given.get("keep_total", False), bool):
        raise ValueError("keep_total must be true or false")
    for name, (least, most) in NUMBERS.items():
        value = given.get(name, least)
        whole = name in ("delay_s", "probability", "retry_after") or isinstance(value, int)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not whole:
            raise ValueError(f"{name} must be a number")
        if not least <= value <= most:
            raise ValueError(f"{name} must be from {least} to {most}")


def _pattern(path: str) -> re.Pattern[str]:
    """`*` or `{name}` is one segment, `**` is any number of them; the vendor's prefix is left out."""
    parts = re.split(r"(\*\*|\*|\{[^/}]*\})", path)
    return re.compile(
        "".join(".*" if p == "**" else "[^/]*" if p == "*" or p[:1] == "{" else re.escape(p) for p in parts)
    )


def _chance(seed: int, number: int) -> float:
    """From 0 to 1, the same for the same seed and number in every process."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:8]) / 2**64
