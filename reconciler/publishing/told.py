"""The JSON of a run as it is published: what kind of run, what it counts, and what a reader must not miss.

It is read as schemas/{plan,drift,report,error}.json describe it. Newer minor versions add keys, which are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from reconciler.diff.drifted import digest_of, parts_of
from reconciler.errors import Invalid, Problem
from reconciler.frozen import dataclass

__all__ = ["ACTIONS", "RunTold", "read_told"]

ACTIONS = ("create", "update", "replace", "delete", "move", "adopt", "forget", "hold")
LARGEST = 1 << 30
"""Bytes of a result."""


@dataclass(frozen=True)
class RunTold:
    """One run: `plan`, `drift`, `apply` or `error`."""

    document: Mapping[str, Any] = field(repr=False)

    @cached_property
    def kind(self) -> str:
        """`plan`, `drift`, `apply` or `error`."""
        return str(self.document["kind"])

    @cached_property
    def path(self) -> str:
        """Of the stack, from the root of the repository."""
        return str(self.document.get("path") or ".")

    @property
    def stack(self) -> str:
        """Its name, or where it is: of a stack that cannot be read nobody knows the name."""
        return str(self.document.get("stack") or self.path)

    @cached_property
    def refusals(self) -> tuple[str, ...]:
        """What guards said against it."""
        return tuple(map(str, self.document.get("refusals") or ()))

    @cached_property
    def diagnostics(self) -> tuple[Mapping[str, Any], ...]:
        """What is wrong, or worth saying."""
        return tuple(self.document.get("diagnostics") or ())

    @cached_property
    def changes(self) -> tuple[Mapping[str, Any], ...]:
        """What would be done."""
        return tuple(self.document.get("changes") or ())

    @cached_property
    def drift(self) -> tuple[Mapping[str, Any], ...]:
        """What was changed outside git."""
        return tuple(self.document.get("drift") or ())

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """action → how many: of what would be done, or of what was."""
        found = dict.fromkeys(ACTIONS, 0)
        done = [it for it in self.document.get("outcomes") or () if it.get("result") == "done"]
        for change in self.changes or done:
            if (action := change.get("action")) in found:
                found[action] += 1
        return found

    @property
    def reason(self) -> str:
        """Why it did not come to what was asked for, in a word; '' when it did."""
        if self.kind == "error":
            return str(self.document.get("reason") or "error")
        if self.refusals:
            return "refused"
        result = str(self.document.get("result") or "done")
        return "" if result in ("done", "awaited") else result

    @property
    def failed(self) -> bool:
        """Whether nothing may be concluded from what it lacks."""
        return bool(self.reason) or any(it.get("severity", "error") == "error" for it in self.diagnostics)

    @property
    def in_sync(self) -> bool:
        """Whether there was nothing to tell, and that is certain."""
        return not (self.failed or self.changes or self.drift or any(self.counts.values()))

    @cached_property
    def drift_digest(self) -> str:
        """Names the set of what drifted: which addresses, and which fields of them. Values are not in it."""
        return digest_of({str(it.get("address")): _drifted(it) for it in self.drift})


def _drifted(change: Mapping[str, Any]) -> tuple[str, ...]:
    return parts_of((str(it.get("path")) for it in change.get("deltas") or ()), str(change.get("action")))


def read_told(file: Path) -> RunTold:
    """What a file of `--report json=FILE` says. A run that left no file has failed, and that is what is told of it.

    Raises Invalid for a file that is something else.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST)
    except FileNotFoundError:
        what = f"the run left no result ({file.name} is not there): its log says why"
        problem = {"severity": "error", "summary": what, "address": "", "file": "", "line": 0, "column": 0}
        return RunTold({"kind": "error", "reason": "error", "diagnostics": [problem]})
    except OSError as error:
        raise _wrong(file, f"cannot be read ({error.strerror})") from error
    try:
        document = json.loads(data)
        kind = document["kind"]
        whole = {"plan": "changes", "drift": "drift", "apply": "outcomes", "error": "diagnostics"}
        if not isinstance(document[whole[kind]], list):
            raise TypeError(kind)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _wrong(file, "is not a result; write one with `--report json=FILE` of plan, drift or apply") from error
    return RunTold(document)


def _wrong(file: Path, what: str) -> Invalid:
    return Invalid([Problem(str(file), 0, 0, "", what)])
