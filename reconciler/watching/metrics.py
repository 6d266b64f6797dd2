"""What runs came to as numbers, in the text format of Prometheus. Pure.

Counters go on from what was there before, so that a file which each run writes anew counts over all of them; what is
there of other stacks and commands stays. Labels are names of what is declared in code: stack, account, command, kind,
action, result. No address and no message is one, however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import product
from typing import Final

from reconciler.checks import Checked
from reconciler.frozen import dataclass
from reconciler.model import Action
from reconciler.version import __version__
from reconciler.watching.ended import Ended

__all__ = ["FAMILIES", "Metrics"]

PREFIX: Final = "reconciler_"
FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "info": ("gauge", "The version that wrote this."),
    "last_run_timestamp_seconds": ("gauge", "When the last run ended."),
    "last_success_timestamp_seconds": ("gauge", "When the last run ended that came to a result; 0: none did."),
    "last_exit_code": ("gauge", "Exit code of the last run."),
    "run_seconds": ("gauge", "How long the last run took."),
    "runs_total": ("counter", "Runs, by what they came to."),
    "run_seconds_total": ("counter", "How long all runs took."),
    "requests_total": ("counter", "Requests sent to the API."),
    "writes_total": ("counter", "Requests that were to change something."),
    "drift_objects": ("gauge", "Objects that were changed outside git, as of the last look at all of them."),
    "pending_changes": ("gauge", "Changes that are still to be made, as of the last plan of all of them."),
    "changes_total": ("counter", "Addresses that applies were at, by what became of them."),
    "refusals": ("gauge", "What guards said against the last plan."),
    "checks": ("gauge", "Search checks, by how they ended last."),
    "watch_interval_seconds": ("gauge", "From look to look, while all goes well."),
    "watch_failures": ("gauge", "Looks in a row that failed."),
    "notification_failures_total": ("counter", "Notifications that did not get through."),
}
"""Name without prefix → type and help."""
LINE: Final = re.compile(rf"{PREFIX}(?P<name>\w+)(?:\{{(?P<labels>.*)\}})? (?P<value>\S+)")
LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')
ESCAPES: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
UNESCAPED: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = tuple[tuple[str, str], ...]


@dataclass
class Metrics:
    """Numbers by name and labels."""

    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def record(self, ended: Ended, failed_notifications: int = 0) -> None:
        """Add what a run came to."""
        stack, account = self._whose(ended)
        whose = {"stack": stack, "account": account}
        run = {**whose, "command": ended.command}
        self._set("info", 1, version=__version__)
        self._of_the_run(ended, run)
        self._add("notification_failures_total", failed_notifications, **run)
        if ended.drift_by_kind is not None:
            self._renew("drift_objects", whose)
            for kind, count in ended.drift_by_kind.items():
                self._set("drift_objects", count, **whose, kind=kind)
        if ended.pending is not None:
            self._renew("pending_changes", whose)
            for kind, action in product(ended.kinds, (it.value for it in Action)):
                self._set("pending_changes", ended.pending.get((kind, action), 0), **whose, kind=kind, action=action)
        for (kind, action, result), count in ended.outcomes.items():
            self._add("changes_total", count, **whose, kind=kind, action=action, result=result)
        if ended.checked is not None:
            self._of_checks(ended.checked, whose)

    def watching(self, stack: str, account: str, *, interval_s: float, failures: int) -> None:
        """Add how a watch fares."""
        self._set("watch_interval_seconds", interval_s, stack=stack, account=account)
        self._set("watch_failures", failures, stack=stack, account=account)

    def _of_the_run(self, ended: Ended, run: Mapping[str, str]) -> None:
        self._set("last_run_timestamp_seconds", ended.at, **run)
        if ended.succeeded:
            self._set("last_success_timestamp_seconds", ended.at, **run)
        self._add("last_success_timestamp_seconds", 0, **run)  # a number from the first failure on
        self._set("last_exit_code", ended.code, **run)
        self._set("run_seconds", ended.seconds, **run)
        self._set("refusals", len(ended.refusals), **run)
        self._add("run_seconds_total", ended.seconds, **run)
        self._add("requests_total", ended.requests, **run)
        self._add("writes_total", ended.writes, **run)
        for result in ("succeeded", "failed"):
            self._add("runs_total", float(ended.succeeded is (result == "succeeded")), **run, result=result)

    def _of_checks(self, checked: Sequence[Checked], whose: Mapping[str, str]) -> None:
        passed = sum(it.passes for it in checked)
        self._set("checks", passed, **whose, result="passed")
        self._set("checks", len(checked) - passed, **whose, result="failed")

    def _whose(self, ended: Ended) -> tuple[str, str]:
        """Stack and account. A stack that could not be read is the one that such runs were about before, if all were
        about the same: its numbers must not stand still at what was well."""
        if ended.stack:
            return ended.stack, ended.account
        known = [dict(labels) for name, labels in self.samples if name == "last_run_timestamp_seconds"]
        stacks = {(it.get("stack", ""), it.get("account", "")) for it in known if it.get("command") == ended.command}
        return stacks.pop() if len(stacks) == 1 else ("", "")

    def _set(self, name: str, value: float, **labels: str) -> None:
        self.samples[name, tuple(labels.items())] = float(value)

    def _add(self, name: str, value: float, **labels: str) -> None:
        key = name, tuple(labels.items())
        self.samples[key] = self.samples.get(key, 0.0) + value

    def _renew(self, name: str, whose: Mapping[str, str]) -> None:
        """Forget what is known of that: a kind that is there no more must not stay."""
        for key in [it for it in self.samples if it[0] == name and whose.items() <= dict(it[1]).items()]:
            del self.samples[key]

    # As text

    def __str__(self) -> str:
        """As the text format says, version 0.0.4."""
        lines: list[str] = []
        for name, (sort, told) in FAMILIES.items():
            its = {labels: value for (of, labels), value in self.samples.items() if of == name}
            if its:
                lines += (f"# HELP {PREFIX}{name} {told}", f"# TYPE {PREFIX}{name} {sort}")
                lines += (f"{PREFIX}{name}{{{_labels(labels)}}} {value!r}" for labels, value in sorted(its.items()))
        return "\n".join(lines) + "\n" if lines else ""

    @classmethod
    def read(cls, text: str) -> Metrics:
        """What such a text says; of lines that are not ours, nothing."""
        found: dict[tuple[str, Labels], float] = {}
        for line in text.split("\n"):
            said = LINE.fullmatch(line)
            if said is None or said["name"] not in FAMILIES or said["name"] == "info":
                continue
            try:
                found[said["name"], _labels_in(said["labels"] or "")] = float(said["value"])
            except ValueError:
                continue
        return cls(found)


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{"".join(ESCAPES.get(it, it) for it in value)}"' for name, value in labels)


def _labels_in(text: str) -> Labels:
    return tuple(
        (name, re.sub(r"\\.", lambda it: UNESCAPED.get(it[0], it[0]), value)) for name, value in LABEL.findall(text)
    )
