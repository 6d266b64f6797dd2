"""Write the tables of README.md and CONTRIBUTING.md anew, from the kinds and the Makefile: `make docs`.

What stands between `<!-- NAME -->` and `<!-- end -->` is generated; a test says when it is stale.
"""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.schema import COMMON, fields_table

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]


def rewritten(text: str) -> str:
    """The page with its generated parts as they should be; raises KeyError for a marker that nothing is known of."""
    parts = {
        "fields of twelvelabs": fields_table("twelvelabs"),
        "common fields": common_table(),
        "make help": make_table(),
    }

    def fresh(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n{parts[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- ([a-z ]+) -->\n(?:.*?\n)??<!-- end -->", fresh, text, flags=re.DOTALL)


def common_table() -> str:
    """What every resource takes besides the fields of its kind."""
    rows = [f"| `{name}` | {schema['description']} |" for name, schema in COMMON.items()]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows])


def make_table() -> str:
    """What `make help` tells."""
    told = re.findall(r"^([a-z-]+):.*## (.*)$", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return "\n".join(
        ["| command | what it does |", "| --- | --- |", *(f"| `make {name}` | {what} |" for name, what in told)]
    )


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
