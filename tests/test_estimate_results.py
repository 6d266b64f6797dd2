"""What results take before they are made: minutes that a model sees, tokens at most, what is free, what is too long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.model import Charge, Cost, Estimate, Plan
from reconciler.plan import guards
from reconciler.plan.guards import Consent
from reconciler.reports.estimate import cost_lines
from tests.support.running import Bench, done

pytest.importorskip("pyarrow")

HEAD = "stack: s\nprovider: twelvelabs\nresults: results\nassets:\n"
HOUR_S = 3600.0


def filled(tmp_path: Path, **lengths_s: float) -> Bench:
    """An account with media of these lengths, and a stack that has them."""
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": head(*lengths_s)})
    done(bench)
    db = bench.emulator.store.db
    for id, name, text in db.execute("SELECT id, name, doc FROM objects WHERE kind = 'asset'").fetchall():
        doc = json.loads(text)
        doc["media"]["duration"] = lengths_s[Path(name).stem]
        db.execute("UPDATE objects SET doc = ? WHERE id = ?", (json.dumps(doc), id))
    return bench


def head(*names: str) -> str:
    return HEAD + "".join(f"  {name}: {{url: 'https://x.example/{name}.mp4'}}\n" for name in names)


def with_results(bench: Bench, text: str) -> Estimate:
    bench.write({"results.yaml": text})
    return bench.survey().plan.estimate


def charge_of(estimate: Estimate, what: str) -> Charge:
    assert estimate.cost is not None
    return next(it for it in estimate.cost.charges if it.what == what)


ANALYSES = "analyses:\n  t: {of: '*', model: pegasus1.5, prompt: What?%s}\n"
EMBEDDINGS = "embeddings:\n  e: {of: '*', model: marengo3.0%s}\n"


def test_minutes_are_those_that_a_model_sees_and_tokens_have_a_bound(tmp_path: Path) -> None:
    bench = filled(tmp_path, a=600.0, b=1200.0)

    whole = with_results(bench, ANALYSES % ", max_tokens: 2000")
    part = with_results(bench, ANALYSES % ", max_tokens: 2000, window: {from: 60, to: 900}")

    assert (whole.derived_objects, whole.derived_minutes) == (2, 30.0)
    assert part.derived_minutes == 9.0 + 14.0
    analyses = charge_of(whole, "analyses")
    assert (analyses.amount, analyses.at_most) == (round(30 * 0.0292, 2), round(2 * 2 * 0.0075, 2))
    assert (analyses.as_of, analyses.source) == ("2026-06", "third parties, not the vendor")
    assert (analyses.objects_without_price, analyses.unknown) == (0, ())
    assert charge_of(part, "analyses").amount == round(23 * 0.0292, 2)


def test_a_price_that_nobody_publishes_is_said_and_can_be_given(tmp_path: Path) -> None:
    bench = filled(tmp_path, a=600.0)
    estimate = with_results(bench, EMBEDDINGS % "")

    unknown = charge_of(estimate, "embeddings")
    assert (unknown.amount, unknown.objects_without_price, unknown.unknown) == (0.0, 1, ("embed_minute",))
    assert cost_lines(estimate) == [
        "Derived: 1 to make (10 min of media); embeddings: the price is not known; `prices: {embed_minute: …}` says it."
    ]

    known = with_results(bench, EMBEDDINGS % "" + "prices: {embed_minute: {marengo3.0: 0.5}}\n")

    assert (charge_of(known, "embeddings").amount, known.cost and known.cost.amount) == (5.0, 5.0)
    sound = with_results(bench, EMBEDDINGS % ", media: audio" + "prices: {currency: EUR}\n")
    # The table is in dollars, and says nothing in euros.
    assert charge_of(sound, "embeddings").unknown == ("embed_audio_minute",)


def test_a_length_that_nobody_knows_is_counted_unless_a_window_bounds_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": head("a", "b")})

    unknown = with_results(bench, ANALYSES % "")
    bounded = with_results(bench, ANALYSES % ", window: {to: 60}")

    assert (unknown.derived_objects_of_unknown_length, charge_of(unknown, "analyses").objects_without_price) == (2, 2)
    assert cost_lines(unknown)[-1].startswith("Derived: 2 to make (2 of unknown length); analyses ≥ 0.00 USD + at most")
    assert (bounded.derived_objects_of_unknown_length, bounded.derived_minutes) == (0, 2.0)


def test_what_is_there_under_the_same_identity_is_copied_for_nothing(tmp_path: Path) -> None:
    bench = filled(tmp_path, a=600.0)
    bench.write({"results.yaml": EMBEDDINGS % ""})
    done(bench)

    estimate = with_results(bench, EMBEDDINGS % "" + "  again: {of: a, model: marengo3.0, segments: {every: 6}}\n")

    assert (estimate.derived_objects, estimate.derived_free, estimate.derived_minutes) == (0, 1, 0.0)
    assert estimate.cost is None
    assert cost_lines(estimate) == ["Derived: 1 to fetch."]

    removed = with_results(bench, "{}\n")
    assert cost_lines(removed) == ["Derived: 1 to remove."]


def test_the_guard_counts_what_it_may_cost_at_most() -> None:
    cost = Cost(240.0, "USD", None, "x", 0, at_most=20.0)
    plan = Plan("s", "twelvelabs", (), (), estimate=Estimate(cost=cost))

    (line,) = guards._too_much(plan, guards.DEFAULTS, Consent())

    assert line.startswith("260 to pay, at most 250 (guards.max_cost)")


@pytest.mark.parametrize(
    ("length_s", "text", "says"),
    [
        (3 * HOUR_S, ANALYSES % "", "3 h of assets/a would be seen, 2 h at most (pegasus1.5); say which part with"),
        (5 * HOUR_S, ANALYSES % ", window: {to: 60}", "assets/a lasts 5 h, and may last 4 h at most (pegasus1.5)"),
        (5 * HOUR_S, EMBEDDINGS % "", "assets/a lasts 5 h, and may last 4 h at most (marengo3.0)"),
        (3.0, EMBEDDINGS % "", "3 s of assets/a would be seen, and 4 s must be at least (marengo3.0)"),
        (3 * HOUR_S, ANALYSES % ", window: {to: 7200}", ""),
        (3 * HOUR_S, EMBEDDINGS % "", ""),
    ],
)
def test_media_of_known_length_that_a_model_does_not_take_is_said_at_its_place(
    tmp_path: Path, length_s: float, text: str, says: str
) -> None:
    bench = filled(tmp_path, a=length_s)
    bench.write({"results.yaml": text})
    if not says:
        assert bench.survey().plan.estimate.derived_objects == 1
        return

    with pytest.raises(Invalid) as raised:
        bench.survey()

    (problem,) = raised.value.problems
    assert says in problem.summary
    assert (Path(problem.file).name, problem.line) == ("results.yaml", 2)
    bench.survey(destroy=True)


def test_the_free_plans_minutes_are_shared(tmp_path: Path) -> None:
    bench = filled(tmp_path, a=90 * 60.0)
    many = "".join(f"  t{n}: {{of: a, model: pegasus1.5, prompt: Number {n}?}}\n" for n in range(7))

    bench.write({"results.yaml": f"guards: {{plan: free}}\nanalyses:\n{many}"})

    notes = [it.summary for it in bench.survey().plan.diagnostics if it.severity == "warning"]
    assert "at least 630 IndexedAsset and MediaAnalysis minutes of media after this, the free plan allows 600" in notes


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        ("prices: {embed_minut: 1}\n", "results.yaml:1:23: prices.embed_minut: there is no such price; did you mean"),
        ("prices: {analyze_1k_tokens: -1}\n", "prices.analyze_1k_tokens: expected the price of it, or one for each"),
    ],
)
def test_words_of_prices_are_held_to_the_table(tmp_path: Path, prices: str, says: str) -> None:
    bench = Bench(tmp_path)
    bench.write({"stack.yaml": head("a"), "results.yaml": prices})

    with pytest.raises(Invalid) as raised:
        bench.survey()

    assert says in str(raised.value)
