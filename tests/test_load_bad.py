"""Each stack in `cases/bad` gives exactly the problems that are written beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.errors import Invalid
from reconciler.load import load

CASES = sorted((Path(__file__).parent / "cases" / "bad").glob("*.yaml"))


def laid_out(case: dict[str, Any], directory: Path) -> None:
    """The files of a case: text, bytes as hexadecimal digits, and symbolic links."""
    for name, text in case["files"].items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    for name, digits in case.get("bytes", {}).items():
        (directory / name).write_bytes(bytes.fromhex(digits))
    for name, target in case.get("links", {}).items():
        (directory / name).symlink_to(target)


def test_there_are_at_least_twenty_five_bad_stacks() -> None:
    assert len(CASES) >= 25


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_bad_stack_says_all_that_is_wrong_with_it_and_where(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = yaml.safe_load(path.read_text())
    laid_out(case, tmp_path)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Invalid) as caught:
        load(
            Path(case["path"]),
            environ=case.get("environ", {}),
            allow_env=case.get("allow_env", ()),
            variables=case.get("variables", {}),
        )

    assert f"{caught.value}\n" == case["expected"]
