"""Errors as the vendor sends them: of the three bodies that were seen in one year the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.emulator.core.problems import ApiProblem

__all__ = ["Unprocessable", "enveloped", "lost"]


class Unprocessable(ApiProblem):
    """422: what is wrong, place by place, as FastAPI says it."""

    def __init__(self, details: Sequence[dict[str, Any]]) -> None:
        super().__init__(422, "", "; ".join(str(each["msg"]) for each in details))
        self.details = list(details)


def enveloped(problem: ApiProblem, usual: str) -> dict[str, object]:
    """The body of an error; what does not validate has one of its own."""
    if isinstance(problem, Unprocessable):
        return {"detail": problem.details}
    said = {"message": problem.message, "type": problem.code, "details": {}}
    return {"success": False, "status": problem.status, "error": said}


def lost(kind: str, object_id: str) -> ApiProblem:
    """The object is not there, or it is another account's: nobody has said that the two are told apart."""
    return ApiProblem(404, "NotFoundError", f"No {kind} has the id {object_id[:64]!r}.")
