"""One more item in a mapping of a YAML text, at its end and as the others there are written; all other bytes stay."""

from __future__ import annotations

import json
from typing import Any

import yaml

from reconciler.load.yaml.nodes import LOADER
from reconciler.load.yaml.positions import Path

__all__ = ["CannotInsert", "inserted", "scalar"]


class CannotInsert(Exception):
    """The text has no place for it; says why."""


def scalar(value: str) -> str:
    """A text as YAML has it in any place: quoted, and nothing in it is a variable."""
    return json.dumps(value.replace("${", "$${"), ensure_ascii=False)


def inserted(text: str, path: Path, key: str, value: str) -> str:
    """The text with `key: value` as the last item of the mapping at the path; `value` is YAML on one line.

    The mapping must hold something already: how it is written is how the new item is.
    """
    node = _at(text, path)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise CannotInsert(f"{'.'.join(map(str, path))} is not a mapping with something in it")
    lines = text.splitlines(keepends=True)
    if node.flow_style:
        return _put(text, _offset(lines, node.value[-1][1].end_mark), f", {key}: {value}")
    first, last = node.value[0][0], _last(node.value[-1][1])
    end = last.end_mark
    # After the line, with the comment that may stand behind: but a text in a block ends where the next line begins.
    at = sum(map(len, lines[: end.line + (end.column > 0 or end.line == last.start_mark.line)]))
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    before = "" if at == 0 or text[:at].endswith(("\n", "\r")) else newline
    return _put(text, at, f"{before}{' ' * first.start_mark.column}{key}: {value}{newline}")


def _at(text: str, path: Path) -> Any:
    """The node at a path."""
    try:
        node = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        raise CannotInsert("is not valid YAML") from error
    for word in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        found = [value for key, value in pairs if isinstance(key, yaml.ScalarNode) and key.value == word]
        if not found:
            raise CannotInsert(f"{'.'.join(map(str, path))} is not there")
        node = found[0]
    return node


def _last(node: Any) -> Any:
    """The last thing in a node that ends where it is written to end: a block ends where the next one begins."""
    while not isinstance(node, yaml.ScalarNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return node


def _offset(lines: list[str], mark: Any) -> int:
    return sum(map(len, lines[: mark.line])) + int(mark.column)


def _put(text: str, at: int, what: str) -> str:
    return text[:at] + what + text[at:]
