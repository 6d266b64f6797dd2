"""JSON as strictly as servers read it: no NaN, no lone surrogates, no absurd nesting."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parsed"]


def parsed(raw: bytes) -> Any:
    """The value; raises a ValueError with a sentence that may go out."""
    try:
        value = json.loads(raw, parse_constant=_no_constant)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The request body is not valid JSON: {str(error)[:120]}") from error
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
