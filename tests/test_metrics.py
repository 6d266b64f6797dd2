"""--metrics: what runs came to as numbers, judged by Prometheus' own parser, and by promtool where there is one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from reconciler.watching.ended import Ended
from reconciler.watching.metrics import FAMILIES, Metrics
from tests.support.served import KEY, Place
from tests.support.told import STACK

PROMTOOL = shutil.which("promtool")
LABELS = {"stack", "account", "command", "kind", "action", "result", "version"}
"""All that there are: none grows with the stack."""


def judged(file: Path) -> dict[str, float]:
    """The samples of a file, as Prometheus reads it: `name{label=value,…}` without those of account, → value."""
    text = file.read_text(encoding="utf-8")
    assert KEY not in text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type in ("gauge", "counter"), family
        for sample in family.samples:
            assert sample.name.startswith("reconciler_") and set(sample.labels) <= LABELS
            assert (family.type == "counter") == sample.name.endswith("_total")
            rest = ",".join(f"{key}={value}" for key, value in sample.labels.items() if key != "account")
            name = f"{sample.name.removeprefix('reconciler_')}{{{rest}}}"
            assert name not in found, f"{name} is there twice"
            found[name] = sample.value
    return found


@pytest.fixture
def file(here: Place) -> Path:
    here.write({"stack.yaml": STACK})
    return here.directory / "reconciler.prom"


def by_hand(place: Place, season: int) -> None:
    for asset in place.api.get("/assets").json()["data"]:
        path = f"/assets/{asset['_id']}/user-metadata"
        place.api.patch(path, json={"user_metadata": {"season": season}}).raise_for_status()


def test_a_plan_an_apply_and_a_look_at_drift_leave_numbers(here: Place, file: Path) -> None:
    assert here.run("plan", "--metrics", file).code == 0
    planned = judged(file)
    assert planned["pending_changes{stack=told,kind=Asset,action=create}"] == 2
    assert planned["pending_changes{stack=told,kind=Index,action=delete}"] == 0
    assert planned["requests_total{stack=told,command=plan}"] > 0
    assert planned["writes_total{stack=told,command=plan}"] == 0

    assert here.apply("--metrics", file).code == 0
    made = judged(file)
    assert made["changes_total{stack=told,kind=Asset,action=create,result=done}"] == 2
    assert made["pending_changes{stack=told,kind=Asset,action=create}"] == 0
    assert made["drift_objects{stack=told,kind=Asset}"] == 0
    assert made["writes_total{stack=told,command=apply}"] == len(here.writes())
    assert made["runs_total{stack=told,command=plan,result=succeeded}"] == 1, "what others wrote stays"

    by_hand(here, 1)
    assert here.run("drift", "--metrics", file).code == 2
    found = judged(file)
    assert found["drift_objects{stack=told,kind=Asset}"] == 2
    assert found["last_exit_code{stack=told,command=drift}"] == 2
    assert found["runs_total{stack=told,command=drift,result=succeeded}"] == 1
    assert found["last_success_timestamp_seconds{stack=told,command=drift}"] > 1_700_000_000


def test_counters_go_on_from_run_to_run(here: Place, file: Path) -> None:
    here.apply()
    here.run("drift", "--metrics", file)
    once = judged(file)["requests_total{stack=told,command=drift}"]
    here.run("drift", "--metrics", file)

    twice = judged(file)
    assert twice["requests_total{stack=told,command=drift}"] == 2 * once
    assert twice["runs_total{stack=told,command=drift,result=succeeded}"] == 2


def test_a_run_that_fails_leaves_numbers_too_and_when_it_last_went_well(here: Place, file: Path) -> None:
    here.apply()
    refuse = {"fault": "status", "status": 403, "method": "GET", "path": "/assets", "count": 99}
    here.served.emulator.add_fault(refuse)
    assert here.run("drift", "--metrics", file).code == 5
    first = judged(file)
    assert first["last_success_timestamp_seconds{stack=told,command=drift}"] == 0, "a number, before any success"
    assert first["last_exit_code{stack=told,command=drift}"] == 5
    assert "drift_objects{stack=told,kind=Asset}" not in first

    here.served.emulator.clear_faults()
    assert here.run("drift", "--metrics", file).code == 0
    well = judged(file)["last_success_timestamp_seconds{stack=told,command=drift}"]
    here.served.emulator.add_fault(refuse)
    assert here.run("drift", "--metrics", file).code == 5
    again = judged(file)
    assert again["last_success_timestamp_seconds{stack=told,command=drift}"] == well > 0
    assert again["runs_total{stack=told,command=drift,result=failed}"] == 2
    assert again["drift_objects{stack=told,kind=Asset}"] == 0, "as of the last look"


def test_a_stack_that_cannot_be_read_fails_under_its_name(here: Place, file: Path) -> None:
    here.apply()
    here.run("drift", "--metrics", file)
    here.write({"stack.yaml": "stack: [told\n"})

    assert here.run("drift", "--metrics", file).code == 1

    assert judged(file)["last_exit_code{stack=told,command=drift}"] == 1


def test_a_refused_plan_says_so(here: Place, file: Path) -> None:
    here.apply()
    here.write({"stack.yaml": STACK.partition("assets:")[0] + "guards: {max_deletes: 0}\nassets: {}\n"})

    assert here.run("plan", "--metrics", file).code == 3

    assert judged(file)["refusals{stack=told,command=plan}"] >= 1
    assert judged(file)["last_exit_code{stack=told,command=plan}"] == 3


def test_a_part_says_nothing_of_the_whole(here: Place, file: Path) -> None:
    here.apply()
    here.run("drift", "--metrics", file)
    by_hand(here, 1)
    assert here.run("drift", "--metrics", file, "--target", "assets/a").code == 2

    assert judged(file)["drift_objects{stack=told,kind=Asset}"] == 0


def test_a_place_that_cannot_be_written_to_is_said_before_anything_is_done(here: Place, file: Path) -> None:
    said = here.apply("--metrics", here.directory / "none" / "x.prom")

    assert (said.code, "--metrics" in said.err, here.writes()) == (1, True, [])


def test_nothing_of_it_changes_the_exit_code(here: Place, file: Path) -> None:
    file.symlink_to(here.directory / "elsewhere")

    said = here.apply("--metrics", file)

    assert said.code == 0 and "Warning: --metrics" in said.err and "it is a link" in said.err


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say(here: Place, file: Path) -> None:
    here.apply("--metrics", file)
    here.run("drift", "--metrics", file)

    assert PROMTOOL is not None
    said = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=file.read_bytes(), capture_output=True, check=False, timeout=30
    )

    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


text = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(st.tuples(text, text), st.floats(min_value=0, max_value=1e15), max_size=5))
def test_whatever_stands_in_a_label_is_read_back(samples: Mapping[tuple[str, str], float]) -> None:
    made = Metrics({("run_seconds", (("stack", a), ("account", b))): value for (a, b), value in samples.items()})

    assert Metrics.read(str(made)) == made
    families = [*text_string_to_metric_families(str(made))]
    theirs = {(it.labels["stack"], it.labels["account"]): it.value for one in families for it in one.samples}
    assert theirs == samples


@given(st.text(max_size=200))
def test_a_file_of_anything_is_as_good_as_none(said: str) -> None:
    made = Metrics.read(said)
    made.record(Ended("drift", "s", "", 0, 1.0, 1.0))

    assert [*text_string_to_metric_families(str(made))]


def test_each_name_is_one_by_the_rules() -> None:
    for name, (sort, told) in FAMILIES.items():
        assert (sort == "counter") == name.endswith("_total")
        assert told.endswith(".") and "\n" not in told
