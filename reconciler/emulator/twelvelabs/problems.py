"""Errors as the vendor sends them: four envelopes, and which code goes with what."""

from __future__ import annotations

from reconciler.emulator.core.problems import ApiProblem

__all__ = [
    "envelope",
    "gone",
    "invalid",
    "malformed_id",
    "missing",
    "not_allowed",
    "unknown_parameter",
]


def envelope(problem: ApiProblem, usual: str) -> dict[str, object] | None:
    """The body of an error in the problem's own envelope, or in the usual one of its family."""
    match problem.envelope or usual:
        case "flat" | "":
            return {"code": problem.code, "message": problem.message}
        case "nested":
            return {"error": {"code": problem.code, "message": problem.message}}
        case "search":
            return {"error_code": problem.status, "message": problem.message}
        case "empty":
            return None
        case other:
            raise ValueError(f"no envelope is called {other!r}")


def invalid(message: str) -> ApiProblem:
    """A parameter that is there, and wrong."""
    return ApiProblem(400, "parameter_invalid", message)


def missing(name: str) -> ApiProblem:
    """A parameter that is not there; the code is in the vendor's catalogue."""
    return ApiProblem(400, "parameter_not_provided", f"The {name} parameter is required but was not provided.")


def unknown_parameter(name: str) -> ApiProblem:
    """Refused, so that a typo does not pass: the code is in the catalogue, its use here is chosen."""
    return ApiProblem(400, "parameter_unknown", f"The {name} parameter is not known here.")


def malformed_id(name: str, value: str) -> ApiProblem:
    """An id that cannot be one: a third party saw 400 for indexes, the rest follows them."""
    return invalid(f"{name} {value[:64]!r} is not a valid id.")


def gone(kind: str, object_id: str, status: int) -> ApiProblem:
    """The object is not there; whether that is 404 or 400 depends on the endpoint, as in the vendor's contract."""
    return ApiProblem(status, "resource_not_exist", f"No {kind.replace('_', ' ')} has the id {object_id[:64]!r}.")


def not_allowed(object_id: str) -> ApiProblem:
    """It is there, in another account."""
    return ApiProblem(403, "read_not_allowed", f"The caller is not authorized to read entity {object_id[:64]}.")
