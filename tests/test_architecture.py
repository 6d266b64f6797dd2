"""What every file must keep to: style, types, the direction of imports, what may be imported when, and whose words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.commandline import CHECKOUT

HEAVY = {"deepdiff", "httpx", "jinja2", "jsonschema", "pydantic", "rich", "sqlalchemy", "starlette", "yaml"}
BIN = Path(sys.executable).parent
PACKAGE = CHECKOUT / "reconciler"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([BIN / "ruff", "check", "--quiet", "."], id="ruff check"),
        pytest.param([BIN / "ruff", "format", "--check", "--quiet", "."], id="ruff format"),
        pytest.param([sys.executable, "-m", "mypy"], id="mypy --strict", marks=pytest.mark.slow),
        pytest.param([BIN / "lint-imports", "--no-logo"], id="import-linter", marks=pytest.mark.slow),
    ],
)
def test_the_code_passes(command: list[str | Path]) -> None:
    checked = run(*command)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_mypy_is_strict_and_reads_the_tests_too() -> None:
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]

    assert configured["strict"] is True
    assert configured["packages"] == ["reconciler", "tests"]


def test_every_layer_that_is_named_exists_and_none_is_left_out() -> None:
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layered = [contract for contract in configured["contracts"] if contract["type"] == "layers"]

    named = {
        f"{container}.{name.strip()}"
        for contract in layered
        for container in contract["containers"]
        for layer in contract["layers"]
        for name in layer.split("|")
    }

    assert [contract["name"] for contract in layered if contract["exhaustive"] is not True] == []
    assert [name for name in sorted(named) if find_spec(name) is None] == []


@pytest.mark.parametrize("command", ["", "plan", "apply", "init", "explain", "emulate", "state"])
def test_help_imports_nothing_heavy(command: str) -> None:
    script = (
        f"import sys; sys.argv = ['reconciler', *{command.split()}, '--help']\n"
        "from reconciler.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )

    helped = run(sys.executable, "-c", script)

    assert helped.stdout.startswith("Usage: reconciler")
    assert HEAVY & set(helped.stderr.split()) == set()


KINDS_WORDS = re.compile(
    r"(?i:\bassets?\b|\bindexed.assets?\b|\bentit(?:y|ies)\b|\bentity.collections?\b|twelve.?labs|mixpeek|marengo|pegasus)"
    r"|\bfilename\b|\A(?:content|file|url|sha256|IndexedAsset|EntityCollection|Index)\Z"
)
"""Words of the providers' kinds and fields. Some are ordinary words too: those count where they are all of a text."""

OUR_WORDS = {
    # The provider of who names none.
    "cli/account.py": {"twelvelabs"},
    "cli/emulate.py": {"twelvelabs", "mixpeek"},
    "cli/stacks.py": {"twelvelabs"},
    "load/grammar/settings.py": {"for instance `provider: twelvelabs`"},
    "provider/registry.py": {
        "twelvelabs",
        "reconciler.providers.twelvelabs:TwelveLabs",
        "mixpeek",
        "reconciler.providers.mixpeek:Mixpeek",
    },
    # The word of a check for what should be found, as people write it.
    "checks/words.py": {"asset"},
    # What a stamp is made of, as the journal writes it down; a column of results.
    "model/operation.py": {"content"},
    "results/rows.py": {"content"},
    # Where a store is.
    **{f"results/{name}.py": {"url"} for name in ("contract", "lance", "pgvector", "qdrant")},
    # Words of other languages: a command's argument, JSON of reports and tables, httpx's arguments, a form's header.
    "cli/runs.py": {"file"},
    "http/call.py": {"content"},
    "load/grammar/tables.py": {"file"},
    "cli/publish.py": {"file"},
    "publishing/runner.py": {"file"},
    "publishing/told.py": {"file"},
    "redact/annotations.py": {"file"},
    "reports/json.py": {"file"},
    "reports/junit.py": {"file"},
    "reports/estimate.py": {"file"},
    "reports/html/figures.py": {"file"},
    "schema/stack.py": {"file"},
    "schema/results.py": {"file"},
    "files/body.py": {'"; filename="'},
}
"""file → what reads like a kind's word and is none."""


def words_of_kinds(code: str) -> set[str]:
    """Texts and names in a module, not its docstrings and comments, that only a provider should know."""
    tree = ast.parse(code)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    }
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    kinds = {"Asset", "IndexedAsset", "Entity", "EntityCollection", "TwelveLabs"}
    return {text for text in texts if KINDS_WORDS.search(text)} | (names & kinds)


def test_what_only_a_kind_knows_stands_with_its_provider() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix(): words_of_kinds(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ("providers", "emulator")
    }

    astray = {name: words - OUR_WORDS.get(name, set()) for name, words in found.items()}

    assert {name: words for name, words in astray.items() if words} == {}


def test_what_decides_takes_nothing_that_does_io_by_way_of_what_is_imported_by_use() -> None:
    configured = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (pure,) = [it for it in configured["contracts"] if it["name"] == "What decides does no I/O"]
    taken = {
        alias.name
        for path in PACKAGE.rglob("*.py")
        if ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).startswith(tuple(pure["source_modules"]))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "reconciler.lazily"
        for alias in node.names
    }

    assert taken and taken <= {"difflib", "hashlib", "secrets"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('"""An asset."""\n# entities\nx = "a file"', set()),
        ('x = fields["file"]', {"file"}),
        ('say(f"{n} assets")', {" assets"}),
        ("if kind is Asset: pass", {"Asset"}),
        ("from reconciler.providers.twelvelabs import Entity", {"Entity"}),
    ],
    ids=["documents may", "a field", "a message", "a class", "an import"],
)
def test_a_word_of_a_kind_is_seen(code: str, words: set[str]) -> None:
    assert words_of_kinds(code) == words
