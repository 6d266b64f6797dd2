"""How an apply that did not go well is told: each thing for itself, counted as it was, with a true exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from reconciler.engine import Limits
from reconciler.errors import Forbidden, Unauthorised
from reconciler.model import Plan, Report
from reconciler.plan.guards import Consent
from reconciler.reports.applied import report_text
from tests.support.running import Bench
from tests.support.stacks import V1, V2, many

FORBIDDEN = {"fault": "status", "status": 403, "body": {"code": "api_not_allowed", "message": "not enabled"}}
EXPIRED = {"fault": "status", "status": 401, "body": {"code": "api_key_invalid", "message": "expired"}}
NO_FAMILY = {"fault": "status", "status": 404, "body": {"code": "endpoint_not_exists", "message": "no such endpoint"}}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, limits=Limits(poll_s=0.01, parallelism=1))


def urls(count: int) -> dict[str, str | bytes]:
    lines = ["stack: s", "provider: twelvelabs", "assets:"]
    lines += [f"  c{n}: {{url: 'https://example.com/c{n}.mp4'}}" for n in range(count)]
    return {"stack.yaml": "\n".join(lines) + "\n"}


def by_result(report: Report) -> dict[str, list[str]]:
    results = sorted({outcome.result for outcome in report.outcomes})
    return {result: [o.address for o in report.outcomes if o.result == result] for result in results}


def last_line(report: Report) -> str:
    return click.unstyle(report_text(report, Plan("s", "twelvelabs", (), ()))).splitlines()[-1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/assets/*/user-metadata"),
        ("POST", "/indexes"),
        ("PUT", "/indexes/*"),
        ("POST", "/entity-collections"),
        ("DELETE", "/entity-collections/*/entities/*"),
        ("DELETE", "/assets/*"),
    ],
)
def test_a_403_about_one_thing_fails_that_and_the_rest_goes_on(bench: Bench, method: str, path: str) -> None:
    bench.write(V1)
    bench.apply()
    bench.write(V2)
    bench.emulator.add_fault({**FORBIDDEN, "method": method, "path": path, "count": 1})

    report = bench.apply()

    told = by_result(report)
    assert len(told["failed"]) == 1
    assert len(told["done"]) >= 6
    assert report.exit_code == 7
    assert not bench.apply().failed
    assert bench.survey().plan.changes == ()


def test_a_key_that_expires_half_way_ends_the_run_and_what_was_made_is_counted(bench: Bench) -> None:
    bench.write(urls(12))
    bench.emulator.add_fault({**EXPIRED, "method": "POST", "path": "/assets", "after": 5})

    report = bench.apply()

    made = len(bench.names("asset"))
    assert made >= 5
    assert sum(outcome.wrote for outcome in report.outcomes) == made
    assert report.exit_code == 7
    assert not last_line(report).startswith("Applied in part: 0 done, 1 failed")


def test_a_key_that_is_refused_from_the_first_write_on_is_exit_code_5(bench: Bench) -> None:
    bench.write(urls(3))
    bench.emulator.add_fault({**EXPIRED, "method": "POST", "path": "/assets"})

    report = bench.apply()

    assert report.exit_code == 5
    assert last_line(report).startswith("Applied in part: 0 done, 1 failed, 2 skipped")


def test_what_no_right_at_all_is_there_for_is_exit_code_5(bench: Bench) -> None:
    bench.write(urls(3))
    bench.emulator.add_fault({**FORBIDDEN, "method": "POST", "path": "/assets"})

    report = bench.apply()

    assert by_result(report) == {"failed": ["assets/c0", "assets/c1", "assets/c2"]}
    assert report.exit_code == 5


def test_a_replacement_whose_old_object_stays_has_made_something(bench: Bench) -> None:
    bench.write({"a.mp4": "one", "stack.yaml": "stack: s\nprovider: twelvelabs\nassets: {a: {file: a.mp4}}\n"})
    bench.apply()
    bench.write({"a.mp4": "two"})
    bench.emulator.add_fault(
        {"fault": "status", "status": 400, "method": "DELETE", "body": {"code": "x", "message": "no"}}
    )

    report = bench.apply()

    assert report.exit_code == 7
    assert last_line(report).startswith("Applied in part: 0 done, 1 failed (1 of them half way), 0 skipped")


def test_what_was_made_and_ended_as_failed_is_not_nothing(bench: Bench) -> None:
    bench.write(urls(1))
    bench.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/assets"})

    assert bench.apply().exit_code == 7


FAMILIES: list[dict[str, Any]] = [
    {**NO_FAMILY, "path": "/assets"},
    {**NO_FAMILY, "path": "/indexes/**"},
    {**NO_FAMILY, "path": "/entity-collections/**"},
    {**FORBIDDEN, "path": "/entity-collections/*/entities"},
    {**EXPIRED, "path": "/**"},
]


@pytest.mark.parametrize("fault", FAMILIES, ids=lambda fault: f"{fault['status']} {fault['path']}")
@pytest.mark.parametrize("destroy", [False, True], ids=["apply", "destroy"])
def test_a_family_that_may_not_be_read_is_an_error_and_never_gone(
    bench: Bench, fault: dict[str, Any], destroy: bool
) -> None:
    bench.write(V1)
    bench.apply()
    rows = bench.run(_recorded)
    bench.emulator.add_fault({**fault, "method": "GET"})

    with pytest.raises((Forbidden, Unauthorised)) as told:
        bench.apply(destroy=destroy)

    assert told.value.exit_code == 5
    assert bench.run(_recorded) == rows


def test_a_family_that_may_not_be_deleted_from_is_not_forgotten_by_destroy(bench: Bench) -> None:
    bench.write(V1)
    bench.apply()
    bench.emulator.add_fault({**NO_FAMILY, "method": "DELETE", "path": "/assets/*"})

    report = bench.apply(destroy=True)

    assert report.exit_code == 7
    assert {row.kind for row in bench.run(_recorded)} == {"Asset"}
    bench.emulator.clear_faults()
    assert not bench.apply(destroy=True).failed
    assert bench.names("asset") == []


async def _recorded(session: Any) -> Any:
    return session.state.recorded()


DAY = {"fault": "rate_limit", "method": "POST", "retry_after": 11382}


@pytest.mark.parametrize("path", ["/assets", "/indexes/*/indexed-assets", "/entity-collections/*/entities/bulk"])
def test_a_day_that_is_used_up_ends_the_run_and_says_when_it_may_go_on(bench: Bench, path: str) -> None:
    bench.write(many(6))
    bench.emulator.add_fault({**DAY, "path": path, "after": 0 if "bulk" in path else 3})
    before = bench.emulator.journal.total

    report = bench.apply()

    assert report.exit_code == 7
    (why,) = {outcome.message for outcome in report.outcomes if outcome.result == "failed"}
    assert "run again then" in why
    assert bench.emulator.journal.total - before < 60, "nobody knocks all day"
    assert bench.run(_open) == []
    bench.emulator.clear_faults()
    assert not bench.apply().failed
    assert bench.survey().plan.changes == ()
    assert len(bench.names("asset")) == 6


def test_a_day_that_is_used_up_before_anything_was_done_is_to_be_gone_on_with_as_well(bench: Bench) -> None:
    bench.write(many(2))
    bench.emulator.add_fault({**DAY, "path": "/assets"})

    assert bench.apply().exit_code == 7


def test_a_long_burst_of_429_without_a_word_when_it_ends_is_waited_out(bench: Bench) -> None:
    bench.write(many(3))
    bench.emulator.add_fault({"fault": "rate_limit", "path": "/**", "count": 15})
    bench.apply()
    bench.emulator.add_fault({"fault": "rate_limit", "method": "POST", "path": "/assets", "after": 1, "count": 15})

    assert bench.apply().exit_code == 0


def test_429_for_ever_ends_some_time(bench: Bench) -> None:
    bench.write(many(1))
    bench.limits = Limits(poll_s=1, patient_s=60)
    bench.emulator.add_fault({"fault": "rate_limit", "method": "POST", "path": "/assets"})

    report = bench.apply()

    assert by_result(report)["failed"] == ["assets/a0"]
    assert bench.emulator.journal.by_route["POST /assets"] < 30


async def _open(session: Any) -> Any:
    return session.state.operations()


class Twice(httpx.AsyncBaseTransport):
    """A proxy that delivers each create of an index twice, and gives back the second answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/indexes"):
            await request.aread()
            await self.inner.handle_async_request(request)
        return await self.inner.handle_async_request(request)


def test_a_create_that_is_delivered_twice_is_ours_though_the_answer_says_it_exists(bench: Bench) -> None:
    bench.write(many(1))
    bench.through = Twice

    assert not bench.apply().failed
    assert bench.survey().plan.changes == ()


def test_a_name_that_somebody_else_took_is_not_made_ours(bench: Bench) -> None:
    bench.write(many(1))
    taken = {"code": "index_name_already_exists", "message": "taken"}
    bench.emulator.add_fault({"fault": "status", "method": "POST", "path": "/indexes", "status": 409, "body": taken})

    report = bench.apply()

    assert by_result(report)["failed"] == ["indexes/one"]


@pytest.mark.parametrize(
    ("yaml", "path", "kind"),
    [
        ("indexes: {i: {models: [{name: marengo3.0}]}}", "/indexes", "index"),
        ("entity_collections: {c: {description: d}}", "/entity-collections", "entity_collection"),
    ],
)
def test_what_an_unclear_create_may_have_made_is_looked_for_again_though_a_later_try_was_refused(
    bench: Bench, yaml: str, path: str, kind: str
) -> None:
    """The answer is lost, no list shows it yet, and then the key expires: that refusal says nothing of the first."""
    bench.write({"stack.yaml": f"stack: s\nprovider: twelvelabs\n{yaml}\n"})
    bench.emulator.add_fault({"fault": "drop_after", "method": "POST", "path": path, "count": 1})
    bench.emulator.add_fault({"fault": "lag", "method": "GET", "path": path, "reads": 100})
    bench.emulator.add_fault({**EXPIRED, "method": "POST", "path": path, "after": 1})
    assert bench.apply().exit_code == 5
    assert len(bench.names(kind)) == 1

    bench.emulator.clear_faults()
    again = bench.apply(Consent())

    assert again.exit_code == 0
    assert len(bench.names(kind)) == 1
    assert bench.survey().plan.changes == ()
