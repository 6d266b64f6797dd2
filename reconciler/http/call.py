"""One request, as it is given to httpx."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from reconciler.frozen import dataclass
from reconciler.http.pace import BucketOf

__all__ = ["READS", "Call", "bucket_of", "parts_of", "request_of"]

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
    """httpx's arguments. A form is always multipart, with a file or without: the API takes no other. One of texts alone
    is a `form` still: see `request_of`."""
    parts: dict[str, Any] = {"params": query, "json": json, "content": content, "headers": headers}
    if form is not None and files is None:
        parts["form"] = [(name, _form_text(item)) for name, value in form.items() for item in _items(value)]
    elif form is not None and files is not None:
        parts["data"] = {name: [_form_text(item) for item in _items(value)] for name, value in form.items()}
        parts["files"] = [
            (name, file) for name, value in files.items() for file in (value if isinstance(value, list) else [value])
        ]
    return {name: value for name, value in parts.items() if value is not None}


def request_of(call: Call, address: httpx.URL, headers: httpx.Headers, extensions: dict[str, Any]) -> httpx.Request:
    """What is sent of it to an address, with the `headers` that all requests have."""
    parts = {**call.parts}
    form, more = parts.pop("form", None), parts.pop("headers", None)
    if form is not None:
        body, kind = _form(form)
        headers = httpx.Headers([*headers.raw, (b"Content-Type", kind.encode())])
        return httpx.Request(call.method, address, headers=headers, content=body, extensions=extensions)
    if more:
        headers = httpx.Headers(headers)
        headers.update(more)
    return httpx.Request(call.method, address, headers=headers, extensions=extensions, **parts)


def _form(fields: Iterable[tuple[str, str]]) -> tuple[bytes, str]:
    """A multipart body of texts in one piece, and its content type. httpx would send it in three pieces a field, each
    of which costs as much as all of it."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{text}\r\n'
        for name, text in fields
    ]
    return "".join([*parts, f"--{boundary}--\r\n"]).encode(), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    """As browsers write it: nothing in a name ends it."""
    return name if name.isidentifier() else name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _form_text(value: Any) -> str:
    """A `Secret` stays one, so that it is known for what it is when the answer echoes it."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)
