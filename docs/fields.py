"""Write the tables of README, CONTRIBUTING and ARCHITECTURE anew, from the kinds, the Makefile and the linter's
contracts: `make docs`.

What stands between `<!-- NAME -->` and `<!-- end -->` is generated; a test says when it is stale.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.kind import Kind
from reconciler.provider import provider
from reconciler.provider.registry import BUILT_IN
from reconciler.schema import COMMON, fields_table

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "ARCHITECTURE.md"]


def rewritten(text: str) -> str:
    """The page with its generated parts as they should be; raises KeyError for a marker that nothing is known of."""
    parts = {
        "providers": providers_table(),
        **{f"fields of {name}": fields_table(name) for name in BUILT_IN},
        "common fields": common_table(),
        "make help": make_table(),
        "layers": layers_table(),
        "contracts": contracts_list(),
    }

    def fresh(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n{parts[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- ([a-z ]+) -->\n(?:.*?\n)??<!-- end -->", fresh, text, flags=re.DOTALL)


def providers_table() -> str:
    """The providers that come along, a row each: what can be declared, where the API is, what has its key."""
    lines = ["| `provider:` | API | declared under | key |", "| --- | --- | --- | --- |"]
    for name in BUILT_IN:
        access, kinds = provider(name).access, provider(name).kinds
        sections = ", ".join(f"`{'/'.join(kind.section_path())}`" for kind in sorted(kinds, key=section_of))
        key = " or ".join(f"`{it}`" for it in access.key_variables)
        lines.append(f"| `{name}` | {urlsplit(access.base_url).hostname} | {sections} | {key} |")
    return "\n".join(lines)


def section_of(kind: type[Kind]) -> tuple[str, ...]:
    """Where it stands in YAML: parents first, sections by name."""
    return tuple(kind.section_path())


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


def contracts() -> list[dict[str, Any]]:
    """What import-linter checks, as pyproject.toml has it."""
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = configured["tool"]["importlinter"]["contracts"]
    return found


def layers_table() -> str:
    """The layers of the package from the top down, a row each, and after them those inside of its rooms."""
    outer, *inner = [contract for contract in contracts() if contract["type"] == "layers"]
    rows = [
        f"| {number} | `{name.strip()}` | {first_sentence(name.strip())} |"
        for number, layer in enumerate(outer["layers"], start=1)
        for name in layer.split("|")
    ]
    rooms = [
        f"- Inside `{room}`: {' ▸ '.join('`' + layer.replace(' | ', '` `') + '`' for layer in contract['layers'])}"
        for contract in inner
        for room in contract["containers"]
    ]
    return "\n".join(["| layer | module | what it is |", "| --- | --- | --- |", *rows, "", *rooms])


def contracts_list() -> str:
    """The contracts that forbid something, by their names."""
    return "\n".join(f"- {contract['name']}." for contract in contracts() if contract["type"] == "forbidden")


def first_sentence(name: str) -> str:
    """What a module says of itself."""
    package = CHECKOUT / "reconciler" / name
    source = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    document = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    told = " ".join(document.partition("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z`])", told)[0].rstrip(".:") + "."


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
