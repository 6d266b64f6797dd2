"""How good the answers to queries are, by the measures that everybody uses. The package `ir_measures` computes them
(trec_eval behind it), scipy the intervals: neither is imported before there is something to compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.checks.judged import Judged
from reconciler.errors import ReconcilerError, how_to_install
from reconciler.frozen import dataclass

__all__ = ["MEASURES", "Scores", "interval", "scored"]

MEASURES: Final = ("recall", "mrr", "ndcg", "success")
"""Recall of the first k, mean reciprocal rank, normalised discounted cumulative gain of the first k, and whether the
first hit is right."""
SEED, DRAWS, LEVEL = 20240301, 2000, 0.95


@dataclass(frozen=True, slots=True)
class Scores:
    """Of some queries: measure → its mean, and measure → query → value."""

    mean: Mapping[str, float]
    by_query: Mapping[str, Mapping[str, float]]


def scored(by_query: Mapping[str, Judged], k: int) -> Scores:
    """The measures of judged queries. A query that found nothing counts 0; ReconcilerError when the package that
    computes them is not installed.

    Hits of one rank cannot tie: their score is minus their rank.
    """
    try:
        import ir_measures
        from ir_measures import RR, R, Success, nDCG
    except ImportError as error:
        raise ReconcilerError(f"to score checks a package is missing: {how_to_install('checks')}") from error
    measures = {"recall": R @ k, "mrr": RR @ k, "ndcg": nDCG @ k, "success": Success @ 1}
    names = {measure: name for name, measure in measures.items()}
    values = {name: dict.fromkeys(by_query, 0.0) for name in MEASURES}
    wanted = [ir_measures.Qrel(query, doc, grade) for query, doc, grade in _wanted(by_query)]
    found = [ir_measures.ScoredDoc(query, doc, score) for query, doc, score in _found(by_query)]
    if wanted:
        for metric in ir_measures.iter_calc(list(measures.values()), wanted, found):
            values[names[metric.measure]][metric.query_id] = float(metric.value)
    count = len(by_query) or 1
    return Scores({name: sum(each.values()) / count for name, each in values.items()}, values)


def _wanted(by_query: Mapping[str, Judged]) -> Iterator[tuple[str, str, int]]:
    for query, judged in by_query.items():
        for number, grade in enumerate(judged.grades):
            yield query, str(number), grade


def _found(by_query: Mapping[str, Judged]) -> Iterator[tuple[str, str, float]]:
    for query, judged in by_query.items():
        for rank, number in enumerate(judged.order):
            yield query, f"miss-{rank}" if number is None else str(number), -float(rank)


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The bootstrap interval of a mean, the same at each call: (lower, upper), both the mean where nothing varies."""
    mean = sum(values) / len(values)
    if len(values) < 2 or all(value == values[0] for value in values):
        return mean, mean
    try:
        import numpy
        from scipy.stats import bootstrap
    except ImportError as error:
        raise ReconcilerError(f"for intervals a package is missing: {how_to_install('checks')}") from error
    options: dict[str, Any] = {"n_resamples": DRAWS, "confidence_level": level, "method": "percentile"}
    found = bootstrap((list(values),), numpy.mean, rng=numpy.random.default_rng(SEED), **options).confidence_interval
    return float(found.low), float(found.high)
