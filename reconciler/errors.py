"""Every error this package raises on purpose, each with the exit code that it means.

ReconcilerError                     1
├── Invalid                         1   the stack: every problem of a run, each with file:line:column
├── Refused                         3   a guard, or a write that needs consent
├── Locked                          4   another run holds the stack
├── StalePlan                       6   what a saved plan touches has moved since
├── StateError                      1   the state cannot be used (newer schema, unreachable, unreadable)
├── StoreError                      1   a store of results cannot be used; says what is in the way
├── IncompleteListing               1   a list could not be proven whole: absent is never concluded from it
├── NotReady                        1   an object did not become ready in time
├── BecameFailed                    1   an object ended in a failed status
├── Ambiguous                       1   two objects where there must be one; names both
├── MediaError                      1   a file that cannot be read, or that the API would refuse
└── ApiError                        1
    ├── Unauthorised                5   no key, or a wrong one: nothing can be done with it
    ├── Forbidden                   5   the key is good, but not for this one thing
    │   └── FamilyForbidden         5   the key lacks a whole family of endpoints; says nothing of any object
    ├── NotFound                    1   the API itself says that the object does not exist
    ├── Conflict                    1
    ├── Rejected                    1   the API says that the request is wrong
    │   └── AtLimit                 1   the account has all that it may have, or the API works on all that it may
    ├── RateLimited                 1   nothing was done; comes with how long to wait
    │   └── NotYet                  1   the same, for something that the request needs is still being made ready
    ├── Unreachable                 1   nothing was sent: no such host, refused, TLS
    ├── NotUploaded                 1   part of a file did not get through; what did is kept for the next run
    └── Unclear                     1   sent, but what came back does not say whether it was done

Exit codes that are results and no errors: 0 in sync or done, 2 changes or drift, 7 applied in part, 8 a check failed,
9 awaited, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from reconciler.frozen import dataclass
from reconciler.redact import plain

__all__ = [
    "Ambiguous",
    "ApiError",
    "AtLimit",
    "BecameFailed",
    "Conflict",
    "ErrorCodes",
    "FamilyForbidden",
    "Forbidden",
    "IncompleteListing",
    "Invalid",
    "Locked",
    "MediaError",
    "NotFound",
    "NotReady",
    "NotUploaded",
    "NotYet",
    "Problem",
    "RateLimited",
    "ReconcilerError",
    "Refused",
    "Rejected",
    "StalePlan",
    "StateError",
    "StoreError",
    "Unauthorised",
    "Unclear",
    "Unreachable",
    "first_few",
    "how_to_install",
]


def first_few(names: Sequence[str], most: int) -> str:
    """So many of them, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def how_to_install(extra: str) -> str:
    """What to type for an optional dependency: never a bare name, for on PyPI `reconciler` is somebody else's."""
    return f"pip install '.[{extra}]' in a checkout of reconciler"


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """The words of an API for what decides something. A provider says them; where an API has none, its statuses do.

    A 404 without any code says that the object is not there. One with a code that nobody knows says nothing: absent is
    not concluded from it.
    """

    gone: frozenset[str] = frozenset()
    """With 400 or 404: there is no such object."""
    no_family: frozenset[str] = frozenset()
    """With 404: the key may not use this whole family of endpoints."""
    unreadable: frozenset[str] = frozenset()
    """With 403: the object is another account's, or gone."""
    taken: frozenset[str] = frozenset()
    """With any refusal of a create: there is one of that name already."""
    full: frozenset[str] = frozenset()
    """With any refusal of a create: the account has all that it may have, or so much is being worked on that no more is
    taken for now. Which of the two, the code does not say."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, or worth saying: what and what to do about it, where, how bad.

    `line` and `column` count from 1; 0 means that the place is the whole file. `file` is as the user would type it.
    """

    file: str
    line: int
    column: int
    address: str
    summary: str
    severity: str = "error"

    @property
    def what(self) -> str:
        """What is wrong, and of what, for who shows the place in another way."""
        return f"{self.address}: {self.summary}" if self.address else self.summary

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        return plain(f"{place}{'' if self.severity == 'error' else self.severity + ': '}{self.what}")


class ReconcilerError(Exception):
    """Base of all; its text is for people: a line for each thing, neutral and without secrets."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(map(plain, lines)))


class Invalid(ReconcilerError):
    """The stack is wrong: all the problems of the run, in the order of files and lines; of too many, `more` a count."""

    def __init__(self, problems: Sequence[Problem], *, more: int = 0) -> None:
        rest = [Problem("", 0, 0, "", f"and {more:,} more problems, which are not listed")] if more else []
        self.problems = (*sorted(set(problems)), *rest)
        super().__init__(*map(str, self.problems))


class Refused(ReconcilerError):
    """A guard said no; `reasons` has a line for each, with the flag that consents."""

    exit_code = 3

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(*self.reasons)


class Locked(ReconcilerError):
    """Another run holds the stack; the text names holder, host, since when and with which command."""

    exit_code = 4


class StalePlan(ReconcilerError):
    """A saved plan no longer fits what it would touch; `moved` names each thing."""

    exit_code = 6

    def __init__(self, moved: Sequence[str]) -> None:
        self.moved = tuple(moved)
        super().__init__(*self.moved)


class StateError(ReconcilerError):
    """The state cannot be used."""


class StoreError(ReconcilerError):
    """A store of results cannot be used, or holds what is not ours in the place of what is."""


class IncompleteListing(ReconcilerError):
    """A list could not be proven whole, so nothing may be concluded from what it lacks."""


class NotReady(ReconcilerError):
    """An object did not become ready within the limit; the next run goes on waiting."""


class BecameFailed(ReconcilerError):
    """An object ended in a failed status."""


class Ambiguous(ReconcilerError):
    """Two objects where there must be one; the text names both ids."""


class MediaError(ReconcilerError):
    """A local file that cannot be read or that the API would refuse."""


class ApiError(ReconcilerError):
    """An answer that is no success. `status` is 0 when there was none; `code` is the API's own, or ''."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", retry_after_s: float | None = None) -> None:
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Unauthorised(ApiError):
    """401, or no key at all: whatever else is asked would be answered alike."""

    exit_code = 5


class Forbidden(ApiError):
    """403: about the one thing that was asked for. What else the key may do, other requests tell."""

    exit_code = 5


class FamilyForbidden(Forbidden):
    """The API says that there is no such endpoint: the key lacks that family. No object is gone by that."""


class NotFound(ApiError):
    """404 or 400 with the API's own word for what does not exist, or a 404 without any: provably gone."""


class Conflict(ApiError):
    """409: another object stands in the way."""


class Rejected(ApiError):
    """Any other 4xx: the request is wrong, and repeating it would not help."""


class AtLimit(Rejected):
    """A create for which there is no room: for good, or until what the API works on is ready. Nothing was made."""


class RateLimited(ApiError):
    """429; `retry_after_s` when the server said so.

    `resumes` is set when that is too long to be waited for (a day's budget is spent): when it may go on, in UTC.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        retry_after_s: float | None = None,
        resumes: datetime | None = None,
    ) -> None:
        self.resumes = resumes
        super().__init__(message, status=status, code=code, retry_after_s=retry_after_s)


class NotYet(RateLimited):
    """Any other 4xx that time mends: what the request refers to is still being processed. Nothing was done."""


class Unreachable(ApiError):
    """Nothing was sent."""


class NotUploaded(ApiError):
    """Part of a file did not get through; what did is kept, and the next run sends only the rest."""


class Unclear(ApiError):
    """Sent, but no answer that says whether it was done: time-out, reset, 5xx, a body that is cut or no JSON."""
