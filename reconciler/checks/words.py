"""The words under `checks:`, and what each says: for whoever reads them, for editors, and for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["DOCS", "EXPECT_WORDS", "FITS", "MEMBER", "MOST_HITS", "OF_A_CHECK", "OF_A_QUERY", "counted"]

MOST_HITS: Final = 1000
FITS: Final = ("covered", "iou")
ASKED: Final = ("options", "operator", "spoken", "filter")
"""What a check says for all of its queries, and a query for itself."""
OF_A_CHECK: Final = ("in", "k", *ASKED, "floors", "allow", "warn", "sure", "match", "queries")
OF_A_QUERY: Final = ("text", "image", "images", *ASKED, "expect")
MEMBER: Final = "asset"
"""The word for what should be found."""
EXPECT_WORDS: Final = (MEMBER, "from", "to", "grade")

DOCS: Final[Mapping[str, str]] = {
    "in": "What is searched: the address of an index, or of an entry of embeddings, whose vectors are compared.",
    "k": "So many hits count, 1 to 1000; 10, when left out.",
    "options": "What of the media is searched; all that the index can, when left out. A query may say it for itself.",
    "operator": "Whether a clip must fit by one of the options (`or`) or by each (`and`).",
    "spoken": "How speech is compared: `lexical`, `semantic`; both, when left out.",
    "filter": "Only of what has this metadata.",
    "floors": "What each measure must be, from 0 to 1: recall, mrr, ndcg, success.",
    "allow": "How much each measure may lose against the recorded baseline.",
    "warn": "Measures whose falling short is said and fails nothing; `true` for all.",
    "sure": "How sure a loss must be; 0.95 from fifty queries on, else 0, when left out.",
    "match": "From which share on a hit fits what has times: `{covered: 0.5}` of the hit, or `{iou: 0.5}`.",
    "queries": "What is asked and what should be found, by name.",
    "text": "What is asked in words; `<@players/lebron>` names what is declared so.",
    "image": "What is asked by a picture: its name in the stack, or a URL.",
    "images": "The same by several.",
    "expect": f"What should be found: names, or `{{{MEMBER}: final, from: 5340, to: 5400, grade: 2}}`.",
    MEMBER: "The name that it has in what is searched.",
    "from": "Second from which on it is expected.",
    "to": "Second up to which it is expected.",
    "grade": "How much it is wanted, from 1; nDCG looks at it.",
}


def counted(queries: int) -> str:
    """`1 query`, `2 queries`."""
    return f"{queries} quer{'y' if queries == 1 else 'ies'}"
