"""Errors as the vendor sends them: four envelopes, and which code goes with what."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "Envelope",
    "Problem",
    "envelope",
    "gone",
    "invalid",
    "malformed_id",
    "missing",
    "not_allowed",
    "unknown_parameter",
]

Envelope = Literal["flat", "nested", "search", "empty"]


class Problem(Exception):
    """An answer that is not a success: rolls the request's transaction back and is sent in its envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        envelope: Envelope | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.envelope = envelope
        self.headers = headers or {}


def envelope(problem: Problem, usual: Envelope) -> dict[str, object] | None:
    """The body of an error in the problem's own envelope, or in the usual one of its family."""
    match problem.envelope or usual:
        case "flat":
            return {"code": problem.code, "message": problem.message}
        case "nested":
            return {"error": {"code": problem.code, "message": problem.message}}
        case "search":
            return {"error_code": problem.status, "message": problem.message}
        case "empty":
            return None


def invalid(message: str) -> Problem:
    return Problem(400, "parameter_invalid", message)


def missing(name: str) -> Problem:
    return Problem(400, "parameter_not_provided", f"The {name} parameter is required but was not provided.")


def unknown_parameter(name: str) -> Problem:
    return Problem(400, "parameter_unknown", f"The {name} parameter is not known here.")


def malformed_id(name: str, value: str) -> Problem:
    return invalid(f"{name} {value[:64]!r} is not a valid id.")


def gone(kind: str, object_id: str, status: int) -> Problem:
    """The object is not there; whether that is 404 or 400 depends on the endpoint, as in the vendor's contract."""
    return Problem(status, "resource_not_exist", f"No {kind.replace('_', ' ')} has the id {object_id[:64]!r}.")


def not_allowed(object_id: str) -> Problem:
    """It is there, in another account."""
    return Problem(403, "read_not_allowed", f"The caller is not authorized to read entity {object_id[:64]}.")
