"""Who is notified hears of what is not as it was, once: with the real Apprise, and a hook on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.redact import forget
from reconciler.watching.ended import Ended
from reconciler.watching.transitions import DRIFT, Severity, notices
from tests.support.postgres import postgres, postgres_url
from tests.support.receiver import Receiver, receiver
from tests.support.served import KEY, Place
from tests.support.told import STACK

__all__ = ["postgres", "postgres_url"]

TOKEN = "tok-5f2a90c3d1e84b77"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def applied(here: Place) -> Place:
    here.write({"stack.yaml": STACK})
    assert here.apply().code == 0
    return here


def by_hand(place: Place, name: str, season: int) -> None:
    """Somebody changes an asset in the account."""
    (asset,) = (it for it in place.api.get("/assets").json()["data"] if f"{name}.jpg" in str(it))
    place.api.patch(
        f"/assets/{asset['_id']}/user-metadata", json={"user_metadata": {"season": season}}
    ).raise_for_status()


def nightly(place: Place, hook: Receiver, *more: str) -> list[str]:
    """What the nightly job tells."""
    said = place.run("drift", "--notify", hook.url(TOKEN), *more)
    assert TOKEN not in said.out + said.err
    return hook.take()


def test_drift_is_told_when_it_begins_changes_and_ends_and_never_twice(applied: Place, hook: Receiver) -> None:
    assert nightly(applied, hook) == []

    by_hand(applied, "a", 1)
    assert nightly(applied, hook) == ["told: drift, 1 object changed outside git"]
    assert nightly(applied, hook) == []
    by_hand(applied, "a", 2)
    assert nightly(applied, hook) == [], "the same field of the same object is the same drift"

    by_hand(applied, "b", 3)
    assert nightly(applied, hook) == ["told: drift is not the same any more, 2 objects now"]
    by_hand(applied, "a", 2024)
    assert nightly(applied, hook) == ["told: drift is not the same any more, 1 object now"]

    assert applied.apply("--notify", hook.url(TOKEN)).code == 0
    assert hook.take() == ["told: in sync again"]
    assert nightly(applied, hook) == []


def test_a_message_says_what_drifted_and_no_value(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 77_777)

    assert applied.run("drift", "--notify", hook.url()).code == 2

    (said,) = hook.messages
    assert said["message"] == "assets/a: metadata.season"
    assert said["type"] == "warning"
    assert "77777" not in str(said)


def test_each_target_is_told_what_it_was_not_told(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 1)
    one, two = hook.url("one"), hook.url("two")

    applied.run("drift", "--notify", one)
    applied.run("drift", "--notify", one, "--notify", two)

    assert [it["path"] for it in hook.messages] == ["/one", "/two"]


def test_addresses_come_from_the_environment_where_no_list_of_processes_shows_them(
    applied: Place, hook: Receiver
) -> None:
    by_hand(applied, "a", 1)

    said = applied.run("drift", env={"RECONCILER_NOTIFY": f"{hook.url('one')} {hook.url('two')}"})

    assert (said.code, sorted(it["path"] for it in hook.messages)) == (2, ["/one", "/two"])


def test_a_message_that_does_not_get_through_is_said_changes_no_exit_code_and_is_tried_again(
    applied: Place, hook: Receiver
) -> None:
    by_hand(applied, "a", 1)
    plain = applied.run("drift")
    hook.status = 500

    said = applied.run("drift", "--notify", hook.url(TOKEN))

    assert (said.code, said.out) == (2, plain.out)
    assert "Warning: --notify 1 (json://…) was not told that 'told: drift, 1 object changed outside git'" in said.err
    assert TOKEN not in said.err
    hook.status = 200
    assert nightly(applied, hook) == ["told: drift, 1 object changed outside git"]


def test_nobody_listens(applied: Place) -> None:
    by_hand(applied, "a", 1)

    said = applied.run("drift", "--notify", f"json://u:{TOKEN}@127.0.0.1:1/{TOKEN}")

    assert said.code == 2
    assert "--notify 1 (json://…) was not told" in said.err
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize("url", [f"nosuchthing://{TOKEN}/x", f"{TOKEN}", f"slack://{TOKEN}", f"json://[{TOKEN}"])
def test_an_address_that_cannot_be_used_is_said_before_anything_is_done(here: Place, url: str) -> None:
    here.write({"stack.yaml": STACK})

    said = here.apply("--notify", url)

    assert said.code == 1
    assert "--notify 1" in said.err and "cannot be used" in said.err
    assert TOKEN not in said.out + said.err
    assert here.writes() == []


def test_an_apply_that_fails_is_told_once_and_that_it_is_well_again(applied: Place, hook: Receiver) -> None:
    refuse = {"fault": "status", "status": 400, "method": "PATCH", "path": "/assets/*/user-metadata", "count": 9}
    applied.served.emulator.add_fault(refuse | {"body": {"code": "parameter_invalid", "message": "not @everyone"}})
    applied.write({"stack.yaml": STACK.replace("2024", "2025")})

    for _ in range(2):
        assert applied.apply("--notify", hook.url()).code == 1
    (said,) = hook.messages
    assert said["title"] == "told: apply failed"
    assert said["message"].splitlines()[0].startswith("assets/a: ")
    assert "@" not in said["message"], "nobody is called by what an API says"
    hook.take()

    applied.served.emulator.clear_faults()
    assert applied.apply("--notify", hook.url()).code == 0
    assert hook.take() == ["told: apply is well again"]


def test_a_refusal_of_a_guard_is_told(applied: Place, hook: Receiver) -> None:
    applied.write({"stack.yaml": STACK.partition("assets:")[0] + "guards: {max_deletes: 0}\nassets: {}\n"})

    assert applied.apply("--notify", hook.url()).code == 3

    (said,) = hook.messages
    assert said["title"] == "told: apply failed (refused)"
    assert "--allow-deletes" in said["message"]


def test_a_look_that_fails_ends_no_drift(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 1)
    nightly(applied, hook)
    applied.served.emulator.add_fault(
        {"fault": "status", "status": 403, "method": "GET", "path": "/assets", "count": 99}
    )

    assert nightly(applied, hook) == ["told: drift failed (unauthorised)"]
    applied.served.emulator.clear_faults()
    assert nightly(applied, hook) == ["told: drift is well again"]


def test_yaml_that_cannot_be_read_is_told_with_its_line(applied: Place, hook: Receiver) -> None:
    applied.write({"stack.yaml": STACK.replace("metadata: {season", "nonsense: {season")})

    said = applied.run("drift", "--notify", hook.url())

    assert said.code == 1 and "the next run may tell this again" in said.err
    assert hook.titles == ["a stack that cannot be read: drift failed (invalid)"]
    assert hook.messages[0]["message"].startswith("stack.yaml:5:")


def test_a_part_says_nothing_of_the_rest(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 1)
    by_hand(applied, "b", 1)
    nightly(applied, hook)

    assert nightly(applied, hook, "--target", "assets/a") == []
    by_hand(applied, "a", 2024)
    assert nightly(applied, hook, "--target", "assets/a") == ["told: drift is not the same any more, 1 object now"]
    assert nightly(applied, hook, "--target", "assets/b") == []


def test_without_a_state_a_look_makes_none_and_says_that_it_may_tell_again(here: Place, hook: Receiver) -> None:
    here.write({"stack.yaml": STACK})

    said = here.run("drift", "--notify", hook.url())

    assert hook.take() == ["told: drift, 2 objects changed outside git"]
    assert "nothing was applied with this state" in said.err
    assert not Path(here.directory, ".reconciler").exists()


def test_a_long_set_is_cut_with_its_count() -> None:
    before = {DRIFT: {f"assets/{number:02}": ("(update)",) for number in range(1)}}
    run = Ended("drift", "s", "", 2, 0.0, 0.0)
    run.__dict__["drift"] = {f"assets/{number:02}": ("(update)",) for number in range(99)}

    (notice, *_) = notices(run, before)

    assert (notice.severity, len(notice.body.splitlines())) == (Severity.WARNING, 22)
    assert notice.body.splitlines()[0] == "New or changed: 98. In order again: 0."
    assert notice.body.endswith("and 79 more")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_was_told_is_kept_in_either_database(
    here: Place, hook: Receiver, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else "sqlite:///state.db"
    here.write({"stack.yaml": STACK})
    assert here.apply("--state", url).code == 0
    by_hand(here, "a", 1)

    assert nightly(here, hook, "--state", url) == ["told: drift, 1 object changed outside git"]
    assert nightly(here, hook, "--state", url) == []


def test_drift_that_is_told_as_news_is_notified_as_a_whole(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 1)
    assert nightly(applied, hook, "--new") == ["told: drift, 1 object changed outside git"]
    assert nightly(applied, hook, "--new") == [], "no news is no end of the drift"


def test_a_saved_plan_that_is_stale_is_told_and_one_that_is_applied_ends_it(applied: Place, hook: Receiver) -> None:
    applied.write({"stack.yaml": STACK.replace("2024", "2025")})
    plan = applied.directory / "plan.json"
    assert applied.run("plan", "-o", plan).code == 0
    by_hand(applied, "a", 1)
    assert applied.run("apply", plan, "--notify", hook.url()).code == 6
    assert hook.take() == ["told: apply failed (stale)"]

    assert applied.run("plan", "-o", plan).code == 0
    assert applied.run("apply", plan, "--notify", hook.url()).code == 0
    assert hook.take() == ["told: apply is well again"]


def test_a_plan_ends_no_drift(applied: Place, hook: Receiver) -> None:
    """It knows less of it than `drift` does: what is not recorded, for one."""
    by_hand(applied, "a", 1)
    nightly(applied, hook)

    assert applied.run("plan", "--target", "assets/b", "--notify", hook.url(TOKEN)).code == 0
    assert applied.run("plan", "--notify", hook.url(TOKEN)).code == 0
    assert hook.take() == []


def test_a_stack_that_gets_another_name_is_not_told_again(applied: Place, hook: Receiver) -> None:
    by_hand(applied, "a", 1)
    nightly(applied, hook)
    applied.write({"stack.yaml": STACK.replace("stack: told", "stack: other")})
    assert applied.offline("state", "rename", "told", "other").code == 0

    assert nightly(applied, hook) == []


def test_what_failed_while_it_was_awaited_is_told_once(applied: Place, hook: Receiver) -> None:
    applied.write({"stack.yaml": STACK + "  late: {url: https://example.com/late.mp4}\n"})
    applied.served.emulator.add_fault({"fault": "ends_failed", "method": "POST", "path": "/assets", "count": 1})
    applied.run("apply", "--auto-approve", "--no-wait")

    said = [applied.run("wait", "--notify", hook.url(TOKEN)) for _ in range(2)]

    assert said[0].code == 7, said[0]
    assert hook.titles == ["told: wait failed", "told: wait is well again"]
    assert said[1].code == 0, "the next apply goes on with it, and nothing is awaited"


def test_the_key_is_in_no_message(applied: Place, hook: Receiver) -> None:
    body = {"code": "parameter_invalid", "message": f"the key {KEY} is not liked"}
    applied.served.emulator.add_fault(
        {"fault": "status", "status": 400, "method": "GET", "path": "/assets", "count": 99, "body": body}
    )

    assert applied.run("drift", "--notify", hook.url()).code == 1

    assert hook.titles == ["told: drift failed (error)"]
    assert KEY not in str(hook.messages)
    forget()
