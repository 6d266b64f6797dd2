"""Search checks: what a search should find, how well it does, and whether that is good enough. Pure."""

from reconciler.checks.judged import Hit, Judged, judged
from reconciler.checks.outcome import Answered, Checked, checked, digest_of, scores_of
from reconciler.checks.scores import MEASURES, Scores, scored
from reconciler.checks.verdict import Baseline, Verdict, judge

__all__ = [
    "MEASURES",
    "Answered",
    "Baseline",
    "Checked",
    "Hit",
    "Judged",
    "Scores",
    "Verdict",
    "checked",
    "digest_of",
    "judge",
    "judged",
    "scored",
    "scores_of",
]
