"""Bytes of a file → text, the same for YAML, tables, JSON and files of variables."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

__all__ = ["NotText", "text_of"]


class NotText(ValueError):
    """Bytes that are no UTF-8: what to do, and where (from 1)."""

    def __init__(self, summary: str, line: int = 1, column: int = 1) -> None:
        self.line, self.column = line, column
        super().__init__(summary)


def text_of(data: bytes) -> str:
    """The text; raises NotText. The mark that some editors put before UTF-8 is no part of it."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise NotText("is UTF-16; save the file as UTF-8")
    start = len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0
    try:
        return data[start:].decode() if start else data.decode()
    except UnicodeDecodeError as error:
        bad = start + error.start
        line_start = max(data.rfind(b"\n", 0, bad) + 1, start)
        column = len(data[line_start:bad].decode()) + 1
        raise NotText("is not UTF-8; save the file as UTF-8", data.count(b"\n", 0, bad) + 1, column) from None
