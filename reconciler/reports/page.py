"""The frame of every page: one file that fetches nothing, whose style and script are named by their hashes.

The policy stands in the page itself, so it holds wherever the file is kept. A server that forbids scripts or styles
takes away filters or colours, and nothing that is to be read.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconciler.reports.view import environment

__all__ = ["rendered_page"]

TEMPLATES = Path(__file__).parent / "templates"


def rendered_page(template: str, **values: Any) -> str:
    """A page. What is in `values` is escaped where it is put in; neither style nor script has any of it in it."""
    style, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment().get_template(template).render(style=style, script=script, policy=policy, **values)


@cache
def _resource(name: str) -> Any:
    """What is ours, and goes into the page as it is: a value that is not escaped."""
    from markupsafe import Markup

    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 (a file of this package)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
