"""Commands to a runner of GitHub Actions: a problem shown at its line, whatever others have written into it."""

from __future__ import annotations

from reconciler.redact.neutral import plain

__all__ = ["annotation"]


def annotation(level: str, text: str, file: str = "", line: int = 0, column: int = 0) -> str:
    """`::error file=F,line=L,col=C::TEXT`, without what is not known; nothing in a name or a text can end it or begin
    another."""
    place = {"file": file, "line": line, "col": column}
    said = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in place.items() if value)
    return f"::{level}{' ' if said else ''}{said}::{_escaped(plain(text))}"


def _escaped(text: str, also: str = "") -> str:
    """As runners read it back: the percent sign, line breaks, and what ends a property."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for sign in also:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
