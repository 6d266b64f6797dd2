"""Search checks: what a search should find, how well it does, and whether that is good enough. Pure."""

from reconciler.checks.judged import Expected, Hit, Judged, Match, judged
from reconciler.checks.scores import MEASURES, Scores, scored
from reconciler.checks.verdict import Baseline, Floor, Verdict, judge

__all__ = [
    "MEASURES",
    "Baseline",
    "Expected",
    "Floor",
    "Hit",
    "Judged",
    "Match",
    "Scores",
    "Verdict",
    "judge",
    "judged",
    "scored",
]
