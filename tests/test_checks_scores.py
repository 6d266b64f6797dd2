"""Hits against what is expected, measures as trec_eval computes them, and verdicts."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from reconciler.checks import MEASURES, Baseline, Hit, Judged, Scores, judge, judged, scored
from reconciler.checks.scores import interval
from reconciler.model import Expectation, Fit, Floor, Match

GOAL = Expectation("final", 60.0, 120.0)


def hit(start: float, end: float, asset: str = "final") -> Hit:
    return Hit(asset, start, end)


def order(*found: int | None, grades: tuple[int, ...] = (1,)) -> Judged:
    return Judged(found, found, grades)


class TestWhatFits:
    @pytest.mark.parametrize(
        ("of", "fits"),
        [
            (hit(70, 76), True),  # a clip of six seconds inside a minute
            (hit(57, 63), True),  # half of it inside
            (hit(56, 62), False),  # a third
            (hit(0, 6), False),
            (hit(70, 76, "semi"), False),
            (hit(0, 600), False),  # all of the film is no goal
        ],
    )
    def test_by_the_share_of_the_hit(self, of: Hit, fits: bool) -> None:
        assert (judged([of], [GOAL], Match(), 10).order == (0,)) is fits

    def test_by_intersection_over_union_a_short_clip_in_a_long_scene_is_none(self) -> None:
        strict = Match(Fit.IOU, 0.5)
        assert judged([hit(70, 76)], [GOAL], strict, 10).order == (None,)
        assert judged([hit(70, 130)], [GOAL], strict, 10).order == (0,)

    def test_an_asset_without_a_time_is_found_by_any_clip_of_it(self) -> None:
        assert judged([hit(0, 6)], [Expectation("final")], Match(Fit.IOU, 0.9), 10).order == (0,)

    def test_further_clips_of_what_is_found_are_dropped_and_a_miss_takes_its_place(self) -> None:
        found = judged(
            [hit(60, 66), hit(66, 72), hit(0, 6), hit(0, 6, "semi")], [GOAL, Expectation("semi")], Match(), 10
        )
        assert found.order == (0, None, 1)
        assert found.by_hit == (0, 0, None, 1)
        assert found.missed == ()

    def test_the_expectation_that_it_fits_better_is_meant_and_then_the_other_one(self) -> None:
        both = [Expectation("final"), GOAL]
        assert judged([hit(58, 64), hit(70, 76)], both, Match(), 10).order == (0, 1)
        assert judged(
            [hit(70, 76)], [Expectation("final"), Expectation("final", 60, 120, grade=2)], Match(), 10
        ).order == (1,)

    def test_only_the_first_k_count(self) -> None:
        assert judged([hit(0, 6), hit(60, 66)], [GOAL], Match(), 1).missed == (0,)


class TestMeasures:
    @pytest.mark.parametrize(
        ("found", "recall", "mrr", "ndcg", "success"),
        [
            (order(0), 1, 1, 1, 1),
            (order(None, 0), 1, 0.5, 1 / math.log2(3), 0),
            (order(), 0, 0, 0, 0),
            (order(None, None), 0, 0, 0, 0),
            (order(0, None, 1, grades=(1, 1)), 1, 1, (1 + 0.5) / (1 + 1 / math.log2(3)), 1),
            (order(1, 0, grades=(3, 1)), 1, 1, (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)), 1),
            (order(0, grades=(1, 1, 1, 1)), 0.25, 1, 1 / sum(1 / math.log2(n) for n in range(2, 6)), 1),
        ],
    )
    def test_worked_by_hand(self, found: Judged, recall: float, mrr: float, ndcg: float, success: float) -> None:
        mean = scored({"q": found}, 10).mean
        assert mean == pytest.approx({"recall": recall, "mrr": mrr, "ndcg": ndcg, "success": success}, abs=1e-6)

    def test_a_query_that_finds_nothing_counts_0_and_not_as_absent(self) -> None:
        assert scored({"a": order(0), "b": order()}, 10).mean["recall"] == 0.5

    def test_no_queries_are_no_division_by_zero(self) -> None:
        assert scored({}, 10).mean == dict.fromkeys(MEASURES, 0.0)

    @given(
        st.lists(
            st.tuples(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.lists(st.integers(-3, 5), max_size=12)),
            min_size=1,
            max_size=8,
        )
    )
    def test_what_trec_eval_says(self, queries: list[tuple[list[int], list[int]]]) -> None:
        by_query = {}
        for number, (grades, drawn) in enumerate(queries):
            seen: list[int | None] = []
            for it in drawn:
                index = it if 0 <= it < len(grades) else None
                if index is None or index not in seen:
                    seen.append(index)
            by_query[f"q{number}"] = Judged(tuple(seen), tuple(seen), tuple(grades))
        k = 5
        wanted = {q: {str(n): g for n, g in enumerate(it.grades)} for q, it in by_query.items()}
        found = {
            q: {f"m{r}" if n is None else str(n): 100.0 - r for r, n in enumerate(it.order)}
            for q, it in by_query.items()
        }
        theirs = pytrec_eval.RelevanceEvaluator(wanted, {"recall_5", "ndcg_cut_5", "success_1"}).evaluate(found)
        whole = pytrec_eval.RelevanceEvaluator(wanted, {"recip_rank"})
        cut = whole.evaluate({q: dict(list(docs.items())[:k]) for q, docs in found.items()})
        ours = scored(by_query, k).by_query
        for query in by_query:
            told = theirs.get(query, {})
            assert ours["recall"][query] == pytest.approx(told.get("recall_5", 0.0))
            assert ours["ndcg"][query] == pytest.approx(told.get("ndcg_cut_5", 0.0))
            assert ours["success"][query] == pytest.approx(told.get("success_1", 0.0))
            assert ours["mrr"][query] == pytest.approx(cut.get(query, {}).get("recip_rank", 0.0))


def scores(*recall: float) -> Scores:
    values = {f"q{number}": value for number, value in enumerate(recall)}
    return Scores({"recall": sum(recall) / len(recall)}, {"recall": values})


def recorded(*recall: float) -> Baseline:
    return Baseline(scores(*recall).by_query, "2026-11-28T00:00:00+00:00")


class TestVerdict:
    def test_a_floor_is_the_mean_itself(self) -> None:
        assert judge(scores(1, 1, 0, 1), {"recall": Floor(0.75)}).passes
        assert judge(scores(1, 1, 0, 0), {"recall": Floor(0.75)}).failures == (
            "recall is 0.500, below the floor of 0.75",
        )

    def test_what_is_only_warned_of_does_not_fail(self) -> None:
        found = judge(scores(*[0.0] * 20), {"recall": Floor(0.75, warn=True)})
        assert found.passes and found.warnings == ("recall is 0.000, below the floor of 0.75",)

    def test_few_queries_are_said(self) -> None:
        assert "4 queries are few" in judge(scores(1, 1, 1, 1), {}).warnings[0]
        assert judge(scores(*[1.0] * 20), {}).warnings == ()

    def test_a_loss_is_held_against_what_is_allowed(self) -> None:
        allow = {"recall": Floor(allow=0.25)}
        assert judge(scores(1, 1, 1, 0), allow, recorded(1, 1, 1, 1)).passes
        assert judge(scores(1, 1, 0, 0), allow, recorded(1, 1, 1, 1)).failures == (
            "recall is 0.500 and was 1.000 (2026-11-28): it may lose 0.25",
        )

    def test_with_many_queries_a_loss_must_be_sure(self) -> None:
        before = recorded(*[1.0, 0.0] * 30)
        noise = scores(*[0.0, 1.0] * 4, *[1.0, 0.0] * 25, 0.0, 0.0)  # as many lost as found, and one more
        assert judge(noise, {"recall": Floor(allow=0.0)}, before).passes
        assert not judge(noise, {"recall": Floor(allow=0.0)}, before, sure=0.0).passes
        lost = scores(*[0.0] * 20, *[1.0, 0.0] * 20)
        assert not judge(lost, {"recall": Floor(allow=0.05)}, before).passes

    def test_a_changed_query_is_compared_with_nothing_and_said(self) -> None:
        names = {"q0": "q0", "q1": "other"}
        found = judge(scores(1, 0), {"recall": Floor(allow=0.0)}, recorded(1, 1), digests=names)
        assert found.passes
        assert "1 of 2 queries is not in the baseline, and is compared with nothing" in found.warnings

    def test_intervals_hold_the_mean_and_are_the_same_each_time(self) -> None:
        values = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
        low, high = interval(values)
        assert 0 <= low < 4 / 6 < high <= 1
        assert interval(values) == (low, high)
        assert interval([1.0, 1.0]) == (1.0, 1.0)
        assert interval([0.5]) == (0.5, 0.5)

    def test_more_levels_are_wider(self) -> None:
        widths = [high - low for low, high in (interval([1.0, 0.0] * 10, level) for level in (0.5, 0.8, 0.95))]
        assert all(small < large for small, large in pairwise(widths))
