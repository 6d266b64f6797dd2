"""An answer that is not a success, as the handler says it; in what words it goes out is the vendor's."""

from __future__ import annotations

__all__ = ["ApiProblem"]


class ApiProblem(Exception):
    """Rolls the request's transaction back, and is sent in its envelope: its own, or the usual one of its route."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        envelope: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.envelope = envelope
        self.headers = headers or {}
