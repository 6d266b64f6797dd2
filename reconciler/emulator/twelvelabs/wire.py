"""Reading what a client sent, strictly: JSON bodies, forms, queries. Each complaint is an ApiProblem, never a crash."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

from starlette.datastructures import FormData, QueryParams, UploadFile

from reconciler.emulator.core.clock import moment
from reconciler.emulator.core.jsontext import parsed
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs.problems import invalid, missing, unknown_parameter

__all__ = ["Fields", "Query", "SentFile", "SentForm", "parse_json"]

MAX_TEXT = 64 * 1024
MAX_PAGE = 2**31
"""Beyond this page there is surely nothing, and SQLite could not count so far."""


def parse_json(raw: bytes) -> Any:
    """A JSON value; what is none is the client's mistake."""
    try:
        return parsed(raw)
    except ValueError as error:
        raise invalid(str(error)) from error


class Fields:
    """A JSON object, read field by field; `done()` refuses what nobody asked for."""

    def __init__(self, value: object, *, where: str = "") -> None:
        if not isinstance(value, dict):
            raise invalid(f"{where or 'The request body'} must be a JSON object.")
        self.raw: dict[str, Any] = value
        self.where = where
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def _get(self, name: str, *, required: bool) -> Any:
        self._read.add(name)
        value = self.raw.get(name)
        if value is None and required:
            raise missing(self._path(name))
        return value

    def _path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def _wrong(self, name: str, wanted: str) -> ApiProblem:
        return invalid(f"The {self._path(name)} parameter must be {wanted}.")

    def text(self, name: str) -> str:
        """A required string that is not blank."""
        value = self._get(name, required=True)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(name, "a string that is not empty")
        return value

    def maybe_text(self, name: str) -> str | None:
        """A string, or None."""
        value = self._get(name, required=False)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(name, required=False)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def integer(self, name: str, *, least: int, most: int) -> int:
        """A whole number; `5.0` is one, as for any JSON parser that knows doubles only."""
        value = self._get(name, required=True)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._wrong(name, f"an integer from {least} to {most}")
        return value

    def one_of(self, name: str, allowed: Collection[str]) -> str:
        """One of some words."""
        value = self._get(name, required=True)
        if not isinstance(value, str) or value not in allowed:
            raise self._wrong(name, f"one of {', '.join(sorted(allowed))}")
        return value

    def texts(self, name: str, *, least: int = 0, required: bool = True) -> list[str]:
        """A list of strings that are not empty."""
        value = self._get(name, required=required)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) < least or not all(isinstance(v, str) and v for v in value):
            raise self._wrong(name, f"a list of {f'at least {least} ' if least else ''}strings")
        return value

    def objects(self, name: str, *, least: int = 1, most: int = 1_000_000) -> list[Fields]:
        """A list of objects, each read by itself."""
        value = self._get(name, required=True)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise self._wrong(name, f"a list of {least} to {most} objects")
        return [Fields(item, where=f"{self._path(name)}[{position}]") for position, item in enumerate(value)]

    def mapping(self, name: str, *, required: bool = False) -> dict[str, Any] | None:
        """An object whose names are free."""
        value = self._get(name, required=required)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return value

    def done(self) -> None:
        """Refuse what nobody read."""
        for name in self.raw:
            if name not in self._read:
                raise unknown_parameter(self._path(name)[:100])


class SentFile:
    """A file that arrived in a form; the bytes are on disk or in memory, read them once."""

    def __init__(self, upload: UploadFile) -> None:
        self.filename = upload.filename or ""
        self.content_type = upload.content_type or ""
        self.file: BinaryIO = upload.file


class SentForm:
    """A multipart or url-encoded form, read field by field."""

    def __init__(self, form: FormData) -> None:
        self.form = form
        self._read: set[str] = set()

    def maybe_text(self, name: str) -> str | None:
        """A text; a part that has a file's name counts as its content, as the oldest client sends addresses so."""
        self._read.add(name)
        value = self.form.get(name)
        return (_content(name, value) if isinstance(value, UploadFile) else value) or None

    def text(self, name: str) -> str:
        """A required text."""
        value = self.maybe_text(name)
        if value is None:
            raise missing(name)
        return value

    def texts(self, name: str) -> list[str]:
        """A field that may be sent several times."""
        self._read.add(name)
        values = self.form.getlist(name)
        texts = [_content(name, value) if isinstance(value, UploadFile) else value for value in values]
        return [text for text in texts if text]

    def passed_over(self, name: str) -> None:
        """It may be sent, and means nothing."""
        self._read.add(name)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false, written out."""
        value = self.maybe_text(name)
        if value is None:
            return default
        return _flag(name, value)

    def json(self, name: str) -> Any:
        """JSON inside of a text, as metadata is sent in forms."""
        value = self.maybe_text(name)
        if value is None:
            return None
        try:
            return parse_json(value.encode())
        except (ApiProblem, UnicodeEncodeError) as error:
            raise invalid(f"The {name} parameter must be a JSON-encoded string.") from error

    def file(self, name: str) -> SentFile | None:
        """A file; a text in its place is refused, which is chosen."""
        self._read.add(name)
        value = self.form.get(name)
        if isinstance(value, str) and value:
            raise invalid(f"The {name} parameter must be a file, not text.")
        return SentFile(value) if isinstance(value, UploadFile) else None

    def done(self) -> None:
        """Refuse what nobody read."""
        for name in self.form:
            if name not in self._read:
                raise unknown_parameter(name[:100])


def _content(name: str, upload: UploadFile) -> str:
    """What is in a part that could as well have been sent as text."""
    if (upload.size or 0) > MAX_TEXT:
        raise invalid(f"The {name} parameter must be text, not a file.")
    upload.file.seek(0)
    try:
        return upload.file.read().decode()
    except UnicodeDecodeError as error:
        raise invalid(f"The {name} parameter must be text, not a file.") from error


class Query:
    """The query string; a list is a repeated key, with or without `[]`, or comma-separated."""

    def __init__(self, params: QueryParams) -> None:
        self.params = params
        self._read: set[str] = set()

    def text(self, name: str) -> str | None:
        """A parameter; one without a value counts as absent, which is chosen."""
        self._read.add(name)
        return self.params.get(name) or None

    def texts(self, name: str) -> list[str]:
        """A list, in any of the three ways to write one."""
        self._read.update((name, f"{name}[]"))
        values = self.params.getlist(name) + self.params.getlist(f"{name}[]")
        return [part for value in values for part in value.split(",") if part]

    def one_of(self, name: str, allowed: Collection[str], *, default: str) -> str:
        """One of some words."""
        value = self.text(name)
        if value is None:
            return default
        if value not in allowed:
            raise invalid(f"The {name} parameter must be one of {', '.join(sorted(allowed))}.")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false, written out."""
        value = self.text(name)
        return default if value is None else _flag(name, value)

    def page(self) -> tuple[int, int]:
        """`page` and `page_limit`, checked: from 1, and at most 50 a page."""
        return (
            min(self._whole("page", default=1), MAX_PAGE),
            self._whole("page_limit", default=10, most=50),
        )

    def _whole(self, name: str, *, default: int, most: int | None = None) -> int:
        text = self.text(name)
        if text is None:
            return default
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 100 else 0
        if value < 1 or (most is not None and value > most):
            raise invalid(f"The {name} parameter must be an integer from 1{f' to {most}' if most else ''}.")
        return value

    def since(self, name: str) -> float | None:
        """A time to filter by, in seconds since 1970."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return moment(value)
        except (ValueError, OverflowError) as error:
            raise invalid(f"The {name} parameter must be a time as RFC 3339 writes it.") from error

    def bounds(self, name: str) -> Mapping[str, float]:
        """A number as `name=5` (`=`), or `name[gte]=1&name[lte]=9`."""
        found = {}
        for key, operator in ((name, "="), (f"{name}[gte]", ">="), (f"{name}[lte]", "<=")):
            text = self.text(key)
            if text is not None:
                found[operator] = _number(key, text)
        return found

    def rest(self) -> dict[str, str]:
        """What has not been read, read now: metadata filters, where a list takes them."""
        left = {name: value for name, value in self.params.items() if name not in self._read}
        self._read.update(left)
        return left

    def done(self) -> None:
        """Nothing may be left; a parameter that the endpoint does not know is an error."""
        for name in self.rest():
            raise unknown_parameter(name[:100])


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise invalid(f"The {name} parameter must be true or false.")
    return value.lower() == "true"


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise invalid(f"The {name} parameter must be a number.")
    return value
