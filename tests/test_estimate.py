"""The estimate: writes as they are sent, bytes as they are, minutes and money as far as they can be known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.twelvelabs import app
from reconciler.emulator.twelvelabs.rates import PLANS, QUOTAS
from reconciler.errors import Invalid
from reconciler.model import Cost
from reconciler.providers.twelvelabs.rates import RATES
from reconciler.providers.twelvelabs.tariff import TARIFF
from reconciler.tariff import Measure
from tests.support.commandline import CHECKOUT
from tests.support.running import Bench

HEAD = "stack: sports\nprovider: twelvelabs\n"
BASE: dict[str, str | bytes] = {
    "stack.yaml": HEAD,
    "final.mp4": b"f" * 700,
    "face.jpg": b"j" * 40,
    "face-2.jpg": b"k" * 41,
    "assets.yaml": "assets:\n  final: {file: final.mp4, metadata: {league: nba}}\n  face: {file: face.jpg}\n",
    "indexes.yaml": "indexes:\n  catalog:\n    models: [{name: marengo3.0}]\n    assets:\n      final: {}\n",
    "players.yaml": "entity_collections:\n  players:\n    entities:\n"
    "      lebron: {assets: [face]}\n      luka: {assets: [face]}\n      tatum: {assets: [face]}\n",
}

CHANGES: dict[str, dict[str, str | bytes]] = {
    "everything is new": {},
    "metadata and a description": {
        "assets.yaml": "assets:\n  final: {file: final.mp4, metadata: {league: wnba}}\n  face: {file: face.jpg}\n",
    },
    "an index is replaced": {
        "indexes.yaml": "indexes:\n  catalog:\n    models: [{name: marengo3.0, options: [visual]}]\n"
        "    assets:\n      final: {}\n",
    },
    "a file is replaced": {"final.mp4": b"g" * 701},
    "an image is replaced under three entities": {"face.jpg": b"another"},
    "members are added and taken away": {
        "assets.yaml": "assets:\n  final: {file: final.mp4}\n  face: {file: face.jpg}\n  other: {file: face-2.jpg}\n",
        "players.yaml": "entity_collections:\n  players:\n    entities:\n"
        "      lebron: {assets: [face, other]}\n      luka: {assets: [other]}\n      tatum: {assets: [face]}\n",
    },
    "things go": {"players.yaml": "{}\n", "indexes.yaml": "indexes:\n  catalog:\n    models: [{name: marengo3.0}]\n"},
    "many entities in bulk": {
        "players.yaml": "entity_collections:\n  players:\n    entities:\n"
        + "".join(f"      player-{n}: {{assets: [face]}}\n" for n in range(230)),
    },
    "a name moves": {
        "assets.yaml": "assets:\n  finale: {file: final.mp4, metadata: {league: nba}}\n  face: {file: face.jpg}\n",
        "indexes.yaml": "indexes:\n  catalog:\n    models: [{name: marengo3.0}]\n"
        "    assets:\n      final: {asset: finale}\n",
    },
    "let go": {
        "stack.yaml": HEAD + "removed: [entity_collections/players/entities/luka, assets/final]\n",
        "assets.yaml": "assets:\n  face: {file: face.jpg}\n",
        "indexes.yaml": "indexes:\n  catalog:\n    models: [{name: marengo3.0}]\n",
        "players.yaml": "entity_collections:\n  players:\n    entities:\n"
        "      lebron: {assets: [face]}\n      tatum: {assets: [face]}\n",
    },
}


def sent(bench: Bench) -> int:
    """Requests in the emulator's log that were to change something."""
    return sum(entry.method not in ("GET", "HEAD") for entry in bench.emulator.journal.entries)


@pytest.mark.parametrize("files", CHANGES.values(), ids=CHANGES.keys())
def test_writes_estimated_are_writes_sent(tmp_path: Path, files: Mapping[str, str | bytes]) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE)
    if files:
        bench.apply()
        bench.write(files)
    before = sent(bench)

    estimate = bench.survey().plan.estimate
    report = bench.apply()

    assert not report.failed
    assert estimate.writes == sent(bench) - before > 0


def test_destroying_is_estimated_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE)
    bench.apply()
    before = sent(bench)

    estimate = bench.survey(destroy=True).plan.estimate
    bench.apply(destroy=True)

    assert estimate.writes == sent(bench) - before


def test_reads_spent_are_the_requests_of_the_survey(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE)

    estimate = bench.survey().plan.estimate

    assert estimate.reads_spent == bench.emulator.journal.total > 0


def test_no_changes_take_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE)
    bench.apply()

    estimate = bench.survey().plan.estimate

    assert {name: getattr(estimate, name) for name in ("writes", "polls", "upload_bytes", "index_objects", "cost")} == {
        "writes": 0,
        "polls": 0,
        "upload_bytes": 0,
        "index_objects": 0,
        "cost": None,
    }


def test_bytes_are_those_of_the_files_that_go_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE)
    assert (bench.survey().plan.estimate.upload_bytes, bench.survey().plan.estimate.uploads) == (740, 2)
    bench.apply()

    bench.write({"face.jpg": b"x" * 9})

    assert bench.survey().plan.estimate.upload_bytes == 9


def with_duration(bench: Bench, seconds: float) -> None:
    """Let the emulator's video be this long."""
    db = bench.emulator.store.db
    for id, text in db.execute("SELECT id, doc FROM objects WHERE kind IN ('asset', 'indexed_asset')").fetchall():
        doc = json.loads(text)
        if (doc.get("media") or {}).get("duration"):
            doc["media"]["duration"] = seconds
            db.execute("UPDATE objects SET doc = ? WHERE id = ?", (json.dumps(doc), id))


def indexed_anew(bench: Bench, models: str = "[{name: marengo3.0, options: [visual]}]", more: str = "") -> Any:
    """The plan after the index's models were changed: its video of ten minutes is indexed again."""
    bench.write(BASE)
    bench.apply()
    with_duration(bench, 600.0)
    bench.write({"indexes.yaml": f"indexes:\n  catalog:\n    models: {models}\n    assets:\n      final: {{}}\n"})
    bench.write({"stack.yaml": HEAD + more})
    return bench.survey().plan


def test_minutes_cost_what_the_dated_table_says(tmp_path: Path) -> None:
    estimate = indexed_anew(Bench(tmp_path)).estimate

    assert (estimate.index_minutes, estimate.index_objects_of_unknown_length) == (10.0, 0)
    assert estimate.cost is not None
    assert replace(estimate.cost, charges=()) == Cost(
        amount=0.42,
        currency="USD",
        as_of="2026-01",
        source="third parties, not the vendor",
        objects_without_price=0,
    )


@pytest.mark.parametrize(
    ("prices", "amount", "unpriced"),
    [
        ("prices: {index_minute: 0.1, currency: EUR}\n", 1.0, 0),
        ("prices: {index_minute: {marengo3.0: 0.2}}\n", 2.0, 0),
        ("prices: {index_minute: {another: 0.2}}\n", 0.42, 0),
    ],
)
def test_the_stack_has_its_own_prices(tmp_path: Path, prices: str, amount: float, unpriced: int) -> None:
    cost = indexed_anew(Bench(tmp_path), more=prices).estimate.cost

    assert (cost.amount, cost.objects_without_price, cost.as_of) == (amount, unpriced, None)
    assert cost.source == "`prices:` of the stack"


def test_a_model_without_a_price_is_counted_and_not_guessed(tmp_path: Path) -> None:
    models = "[{name: marengo3.0}, {name: pegasus1.2}]"
    bench = Bench(tmp_path, app(vintage="newest"))

    cost = indexed_anew(bench, models).estimate.cost

    assert (cost.amount, cost.objects_without_price) == (0.0, 1)


def test_what_nobody_has_looked_into_is_of_unknown_length(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(
        BASE | {"assets.yaml": "assets:\n  final: {url: 'https://x.example/a.mp4'}\n  face: {file: face.jpg}\n"}
    )

    estimate = bench.survey().plan.estimate

    assert (estimate.index_objects, estimate.index_objects_of_unknown_length) == (1, 1)
    assert estimate.cost is not None
    assert (estimate.index_minutes, estimate.cost.objects_without_price) == (0.0, 1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("prices: {index_minut: 1}\n", "prices.index_minut: there is no such price; did you mean"),
        ("prices: {index_minute: {marengo3.0: -1}}\n", "prices.index_minute.marengo3.0: expected a number"),
        ("prices: {index_minute: cheap}\n", "prices.index_minute: expected the price of a minute"),
        ("prices: {currency: 3}\n", "prices.currency: expected the three letters of a currency, such as USD"),
        ("prices: {currency: EUR @team}\n", "prices.currency: expected the three letters"),
        ("prices: {currency: 'EUR @team [ok](https://evil.example)'}\n", "stack.yaml:3:20: prices.currency: expected"),
        ("prices: {currency: eur}\n", "stack.yaml:3:20: prices.currency: expected"),
    ],
)
def test_wrong_prices_are_errors(tmp_path: Path, more: str, says: str) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE | {"stack.yaml": HEAD + more})

    with pytest.raises(Invalid) as raised:
        bench.survey()

    assert says in str(raised.value)


def warnings(bench: Bench) -> list[str]:
    notes = bench.survey().plan.diagnostics
    return [note.summary for note in notes if note.severity == "warning" and not note.address]


def test_quotas_of_the_named_plan_are_warned_of_before(tmp_path: Path) -> None:
    many = "entity_collections:\n  players:\n    entities:\n" + "".join(
        f"      player-{n}: {{assets: [face]}}\n" for n in range(16)
    )
    bench = Bench(tmp_path, app(sample_collection=True))
    bench.write(BASE | {"players.yaml": many})
    assert warnings(bench) == []

    bench.write({"stack.yaml": HEAD + "guards: {plan: free}\n"})

    assert warnings(bench) == [
        "at least 2 EntityCollection objects after this, the free plan allows 1",
        "at least 16 Entity objects after this, the free plan allows 15",
    ]


def test_minutes_that_are_indexed_already_count_towards_the_quota(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    indexed_anew(bench)
    with_duration(bench, 301 * 60.0)
    bench.write({"stack.yaml": HEAD + "guards: {plan: free}\n"})

    # 301 that were indexed and 301 that will be: deleting gives none back.
    assert warnings(bench) == [
        "at least 602 IndexedAsset and MediaAnalysis minutes of media after this, the free plan allows 600"
    ]


def test_more_videos_at_once_than_the_plan_takes_are_warned_of(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    names = [f"clip-{n}" for n in range(6)]
    assets = "assets:\n" + "".join(f"  {name}: {{url: 'https://x.example/{name}.mp4'}}\n" for name in names)
    inside = "".join(f"      {name}: {{}}\n" for name in names)
    bench.write(
        {
            "stack.yaml": HEAD + "guards: {plan: free}\n" + assets,
            "indexes.yaml": f"indexes:\n  all:\n    models: [{{name: marengo3.0}}]\n    assets:\n{inside}",
        }
    )

    (warning,) = warnings(bench)

    assert warning.startswith("6 IndexedAsset objects would be made side by side, the free plan takes 5 at once")


def of_one_length(bench: Bench, count: int, seconds: float) -> None:
    """So many videos in the account that are to be indexed, each so long."""
    assets = "assets:\n" + "".join(f"  c{n}: {{url: 'https://x.example/c{n}.mp4'}}\n" for n in range(count))
    bench.write({"stack.yaml": HEAD + "guards: {plan: developer-2}\n" + assets})
    bench.apply()
    bench.emulator.store.db.execute("UPDATE objects SET doc = json_set(doc, '$.media.duration', ?)", (seconds,))
    inside = "".join(f"      c{n}: {{}}\n" for n in range(count))
    bench.write({"indexes.yaml": f"indexes:\n  all:\n    models: [{{name: marengo3.0}}]\n    assets:\n{inside}"})


def test_more_than_a_day_takes_is_warned_of_and_waiting_for_the_plan_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    of_one_length(bench, 26, 240 * 60.0)

    assert bench.survey().plan.estimate.seconds_at_rate_limit == 86400.0, "an hour takes 1200, a day 6000"
    assert warnings(bench)[-1] == (
        "at least 6240 minutes of media would be sent, the developer-2 plan takes 6000 a day; "
        "what is beyond is refused until the next day, and the next apply goes on"
    )


def test_the_table_of_rates_is_the_emulators(tmp_path: Path) -> None:
    """Two tables, for neither side may know the other; and one truth."""

    def plain(table: Mapping[Any, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        return {plan: {name: asdict(family) for name, family in rows.items()} for plan, rows in table.items()}

    assert plain(RATES) == plain(PLANS)
    assert {plan.removesuffix("-1") for plan in PLANS} | set(PLANS) == set(TARIFF.quotas) == set(TARIFF.rates)
    for plan, quota in QUOTAS.items():
        ours = {(each.kind, each.measure, each.per_parent): each.most for each in TARIFF.quotas[plan]}
        assert ours["IndexedAsset", Measure.AT_ONCE, False] == quota.indexing
        assert ours["IndexedAsset", Measure.OBJECTS, True] == quota.videos
        assert ours.get(("EntityCollection", Measure.OBJECTS, False)) == quota.collections
        assert ours.get(("Entity", Measure.OBJECTS, False)) == quota.entities


def test_a_plan_that_is_not_known_is_an_error(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(BASE | {"stack.yaml": HEAD + "guards: {plan: gold}\n"})

    with pytest.raises(Invalid, match=r"guards.plan: there is no plan 'gold'; known: free, developer"):
        bench.survey()


def test_a_new_file_is_as_long_as_its_header_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    video = (CHECKOUT / "examples/quickstart/media/final.mp4").read_bytes()
    bench.write(BASE | {"final.mp4": video})

    estimate = bench.survey().plan.estimate

    assert estimate.index_objects_of_unknown_length == 0
    assert 0 < estimate.index_minutes < 5
