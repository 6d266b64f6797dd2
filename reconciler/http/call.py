"""One request, as it is given to httpx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.frozen import dataclass
from reconciler.http.pace import BucketOf

__all__ = ["READS", "Call", "bucket_of", "parts_of"]

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as often as it is sent."""

    method: str
    path: str
    parts: Mapping[str, Any]
    again: bool
    json_due: bool
    what: str
    """Method and path, as it is shown."""
    template: str
    """The path, with `*` in place of each id that is known for one."""
    bucket: str
    """What it shares a limit with."""
    host: str
    named: bool
    """Whether its provider says what it shares a limit with."""
    uses: Mapping[str, int]
    """What it uses up of its limits beside being one request."""
    reads: bool = False
    """Whether it changes nothing, whatever its method says."""
    in_one_piece: bool = False
    """Whether its body is put together before it is sent: that of a form of texts would leave in pieces, three a field,
    and each of them costs as much as a whole one."""

    @property
    def veiled(self) -> tuple[Any, ...]:
        """Where secrets may stand in it, beside the headers that every request has."""
        return self.path, *self.parts.values()

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return not (self.reads or self.method in READS)


def bucket_of(
    method: str, elsewhere: str, template: str, sent: Mapping[str, Any], by: BucketOf | None
) -> tuple[str, bool]:
    """What shares a limit with a request, and whether its provider says so: else it is by method and path. Of another
    host (`elsewhere`) all does: the paths there are names of files."""
    if elsewhere:
        return f"{method} {elsewhere}", False
    named = by(method, template, sent) if by else ""
    return named or f"{method} {template}", bool(named)


def parts_of(
    query: Mapping[str, Any] | None,
    json: Any,
    form: Mapping[str, Any] | None,
    files: Mapping[str, Any] | None,
    content: Any,
    headers: Mapping[str, str] | None,
) -> dict[str, Any]:
    """httpx's arguments. A form is always multipart, with a file or without: the API takes no other."""
    parts: dict[str, Any] = {"params": query, "json": json, "content": content, "headers": headers}
    if form is not None and files is None:
        parts["files"] = [(name, (None, _form_text(item))) for name, value in form.items() for item in _items(value)]
    elif form is not None and files is not None:
        parts["data"] = {name: [_form_text(item) for item in _items(value)] for name, value in form.items()}
        parts["files"] = [
            (name, file) for name, value in files.items() for file in (value if isinstance(value, list) else [value])
        ]
    return {name: value for name, value in parts.items() if value is not None}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _form_text(value: Any) -> str:
    """A `Secret` stays one, so that it is known for what it is when the answer echoes it."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
