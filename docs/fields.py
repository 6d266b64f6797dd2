"""Write the tables of README.md anew from the kinds: `make docs`.

What stands between `<!-- NAME -->` and `<!-- end -->` is generated; a test says when it is stale.
"""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.schema import COMMON, fields_table

README = Path(__file__).resolve().parent.parent / "README.md"


def rewritten(text: str) -> str:
    """The page with its generated parts as they should be; raises KeyError for a marker that nothing is known of."""
    parts = {"fields of twelvelabs": fields_table("twelvelabs"), "common fields": common_table()}

    def fresh(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n{parts[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- ([a-z ]+) -->\n(?:.*?\n)??<!-- end -->", fresh, text, flags=re.DOTALL)


def common_table() -> str:
    """What every resource takes besides the fields of its kind."""
    rows = [f"| `{name}` | {schema['description']} |" for name, schema in COMMON.items()]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows])


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
