"""What came of a check: each query with its hits, and all of them with their measures and the verdict. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from reconciler.checks.judged import Hit, Judged, judged
from reconciler.checks.scores import MEASURES, Scores, scored
from reconciler.checks.verdict import Baseline, Verdict, judge
from reconciler.frozen import dataclass
from reconciler.lazily import hashlib
from reconciler.model import Check, CheckQuery, CheckScore, Expectation

__all__ = ["Answered", "Checked", "baseline_of", "checked", "digest_of", "scores_of"]


def digest_of(check: Check, query: CheckQuery, contents: Sequence[str] = ()) -> str:
    """Of all that a query asks and expects, and of how hits are held against that: what it is not compared without.

    `contents` say what its pictures are: another picture under the same name is another query.
    """
    said = asdict(query) | ({"contents": contents} if contents else {})
    del said["name"]
    rule = {"format": 1, "k": check.k, "match": [check.match.fit, check.match.least]}
    text = json.dumps({**rule, **said}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Answered:
    """One query, what was found by it, and which of that is right."""

    query: CheckQuery
    digest: str
    hits: tuple[Hit, ...]
    judged: Judged

    @property
    def missed(self) -> tuple[Expectation, ...]:
        """What should have been found."""
        return tuple(self.query.expect[number] for number in self.judged.missed)


@dataclass(frozen=True, slots=True)
class Checked:
    """One check."""

    check: Check
    container_id: str
    answers: tuple[Answered, ...]
    scores: Scores
    verdict: Verdict
    baseline: Baseline | None = None
    unchanged: bool = False
    """Whether nothing of this stack that the answers depend on has changed since the baseline."""
    notes: tuple[str, ...] = ()
    """What else is to be said of it."""

    @property
    def passes(self) -> bool:
        """Whether nothing failed."""
        return self.verdict.passes

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said and fails nothing."""
        return (*self.verdict.warnings, *self.notes)

    @property
    def compared(self) -> int:
        """How many of the queries that are asked now the baseline knows."""
        known = {digest for each in self.baseline.values.values() for digest in each} if self.baseline else set()
        return sum(answer.digest in known for answer in self.answers)

    @property
    def before(self) -> Mapping[str, float]:
        """measure → its mean in the baseline, over the queries that are asked now."""
        if self.baseline is None:
            return {}
        asked = {answer.digest for answer in self.answers}
        by_measure = {
            measure: [value for digest, value in each.items() if digest in asked]
            for measure, each in self.baseline.values.items()
        }
        return {measure: sum(values) / len(values) for measure, values in by_measure.items() if values}


def checked(
    check: Check,
    container_id: str,
    hits: Mapping[str, Sequence[Hit]],
    recorded: Sequence[CheckScore] = (),
    made_of: str = "",
    notes: Sequence[str] = (),
    contents: Mapping[str, Sequence[str]] | None = None,
) -> Checked:
    """What comes of the hits of each query. `recorded` is the baseline, `made_of` what the answers depend on now,
    `contents` what the pictures of each query are."""
    contents = contents or {}
    answers = tuple(
        Answered(
            query,
            digest_of(check, query, contents.get(name, ())),
            tuple(hits[name]),
            judged(hits[name], query.expect, check.match, check.k),
        )
        for name, query in check.queries.items()
    )
    found = scored({answer.query.name: answer.judged for answer in answers}, check.k)
    digests = {answer.query.name: answer.digest for answer in answers}
    baseline = baseline_of(recorded)
    verdict = judge(found, check.floors, baseline, sure=check.sure, digests=digests)
    known = {row.query: row.made_of for row in recorded}
    unchanged = bool(made_of) and all(known.get(answer.digest) == made_of for answer in answers)
    return Checked(check, container_id, answers, found, verdict, baseline, unchanged, tuple(notes))


def baseline_of(recorded: Sequence[CheckScore]) -> Baseline | None:
    """Rows of the state as a baseline; None of none."""
    if not recorded:
        return None
    values = {
        measure: {row.query: row.values[measure] for row in recorded if measure in row.values} for measure in MEASURES
    }
    last = max(recorded, key=lambda row: row.at)
    return Baseline(values, last.at, last.container_id)


def scores_of(outcome: Checked, at: str, made_of: str) -> Iterator[CheckScore]:
    """What is recorded of a check, a row for each query."""
    for answer in outcome.answers:
        values = {measure: each[answer.query.name] for measure, each in outcome.scores.by_query.items()}
        yield CheckScore(outcome.check.address, answer.digest, values, at, outcome.container_id, made_of)
