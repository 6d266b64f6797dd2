"""How the account is read, as the command line and the stack say it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.served import Place, place

STACK = """stack: s
provider: twelvelabs
refresh: {mode: delta, full_every: 12h}
assets:
  a: {url: "https://example.com/a.mp4", metadata: {season: 1}}
entity_collections:
  k: {entities: {e: {assets: [a]}}}
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        made.write({"s.yaml": STACK})
        assert made.apply().code == 0
        yield made


def test_the_stack_says_how_it_is_read_and_the_plan_how_it_was(there: Place) -> None:
    planned = there.run("plan", "--format", "json").json
    assert planned["refresh"]["mode"] == "delta"
    assert planned["refresh"]["full_sweep"]
    assert "since the full sweep of" in there.run("plan").out
    assert (there.directory / ".reconciler" / "s.seen.db").stat().st_mode & 0o77 == 0

    whole = there.run("plan", "--refresh", "full", "--format", "json").json
    assert whole["refresh"] == {"mode": "full", "full_sweep": None, "why": ""}

    (there.directory / ".reconciler" / "s.seen.db").unlink()
    without = there.run("plan")
    assert "everything was read whole: nothing that was read before is kept here" in without.out


def test_drift_is_read_whole_unless_its_own_line_says_otherwise(there: Place) -> None:
    asset = there.objects("/assets")[0]["_id"]
    there.api.patch(f"/assets/{asset}/user-metadata", json={"user_metadata": {"season": 2}})

    whole = there.run("drift")
    assert (whole.code, "in lists" in whole.err) == (2, False)
    quick = there.run("drift", "--refresh", "delta")

    assert quick.code == 2  # it is among the newest, which are read in any case
    assert "Drift as far as it shows in lists; everything was read whole at 20" in quick.err


def test_a_saved_plan_of_a_delta_is_applied_or_is_stale(there: Place) -> None:
    there.write({"s.yaml": STACK.replace("season: 1", "season: 5")})
    assert there.run("plan", "-o", "plan.json").code == 0
    asset = there.objects("/assets")[0]["_id"]
    there.api.patch(f"/assets/{asset}/user-metadata", json={"user_metadata": {"by": "hand"}})
    stale = there.run("apply", "plan.json")
    assert stale.code == 6
    assert "assets/a: it was changed in the account since the plan" in stale.err

    assert there.run("plan", "-o", "plan.json").code == 0
    assert there.run("apply", "plan.json").code == 0
    assert "No changes" in there.run("plan").last_line


def test_what_nobody_looked_at_is_not_saved_and_not_applied(there: Place) -> None:
    there.write({"s.yaml": STACK.replace("season: 1", "season: 5")})
    there.served.emulator.journal.clear()

    shown = there.run("plan", "--refresh", "none")

    assert shown.last_line == "Plan: 0 to create, 1 to update, 0 to replace, 0 to delete."
    assert "nothing was asked of the account" in shown.out
    assert not there.served.emulator.journal.entries
    saved = there.run("plan", "--refresh", "none", "-o", "plan.json")
    assert "cannot be applied, so it is not saved" in saved.err
    assert not (there.directory / "plan.json").exists()
    for command in ("apply", "drift"):
        assert "'none' is not one of 'full', 'delta'" in there.run(command, "--refresh", "none").err


def test_what_was_never_applied_cannot_be_planned_unseen(tmp_path: Path) -> None:
    with place(tmp_path) as made:
        made.write({"s.yaml": STACK})
        said = made.run("plan", "--refresh", "none")
    assert said.code == 3
    assert "plan without --refresh=none" in said.err


def test_what_is_wrong_with_the_setting_is_told_at_its_place(tmp_path: Path) -> None:
    with place(tmp_path) as made:
        made.write({"s.yaml": STACK.replace("mode: delta, full_every: 12h", "mode: none, full_every: 0h, every: 1")})
        said = made.offline("validate")
    assert said.code == 1
    assert "s.yaml:3:17: refresh.mode: expected full or delta" in said.err + said.out
    assert "refresh.full_every: expected a time such as 90m, 24h or 7d" in said.err + said.out
    assert 'refresh: unknown word "every"' in said.err + said.out
