"""Running the checks of a stack: what is asked, what it costs, what is kept as the baseline.

Each query is one request, and one more for each further page of hits; all leave side by side, as fast as the API takes
them. A check that passes for the first time sets its baseline; only who asks for it sets another.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from reconciler.checks import Checked, Hit, checked, scores_of
from reconciler.checks.words import counted
from reconciler.errors import Problem, ReconcilerError, first_few
from reconciler.frozen import dataclass
from reconciler.model import Check, CheckQuery, CheckScore, Recorded, Stack, is_within
from reconciler.plan.prices import Prices
from reconciler.provider import MENTION, Clip, Question, Search, entries_of
from reconciler.redact import mask, plain
from reconciler.searched_vectors import Nearby
from reconciler.searching import Searching
from reconciler.tariff import Tariff, dated

__all__ = ["Bill", "bill_of", "chosen", "made_of", "run_checks", "to_record"]

THOUSAND: Final = 1000
SHOWN: Final = 5
CENT: Final = 0.005
"""Less than that would be shown as nothing."""


def chosen(stack: Stack, names: Sequence[str]) -> list[Check]:
    """The checks of these names, addresses or globs of them; all, when none is given. ReconcilerError for a name of
    none, and where there is none at all."""
    if not stack.checks:
        raise ReconcilerError(f"{stack.name} declares no checks; write some under `checks:`")
    wrong = [name for name in names if not any(_means(name, check) for check in stack.checks.values())]
    if wrong:
        there = ", ".join(stack.checks)
        raise ReconcilerError(f"there is no check {' and no check '.join(map(plain, wrong))}; there are: {there}")
    return [check for check in stack.checks.values() if not names or any(_means(name, check) for name in names)]


def _means(name: str, check: Check) -> bool:
    return fnmatchcase(check.address, name) or fnmatchcase(check.address.partition("/")[2], name)


# What it costs


@dataclass(frozen=True, slots=True)
class Bill:
    """What some checks cost: searches are billed by query, vectors of questions by text and by image."""

    queries: int
    amount: float | None
    """None: the price is not known."""
    currency: str
    source: str
    pages: bool = True
    """Whether anything of it comes in pages."""

    def __str__(self) -> str:
        count = counted(self.queries)
        if self.amount is None:
            return f"{count}; the price is not known"
        shown = f"{self.amount:.2f}" if self.amount >= CENT or not self.amount else f"{self.amount:.1g}"
        paged = "; billed by query, pages are not" if self.pages else ""
        return f"{count} ≈ {shown} {self.currency} (prices: {self.source}){paged}"


def bill_of(checks: Iterable[Check], stack: Stack, tariff: Tariff, search: type[Search]) -> Bill:
    """What it costs to run them once. Of the vectors of an entry each question is asked once, in however many checks it
    stands."""
    prices = Prices(stack.prices, tariff)
    entries = entries_of(stack.resources, search.vectors)
    asked = [(check, query) for check in checks for query in check.queries.values()]
    searches = [query for check, query in asked if check.of not in entries]
    vectors = {(check.of, query.text, query.images): query for check, query in asked if check.of in entries}
    uses = [(search.price, len(searches) / THOUSAND)] if searches or not vectors else []
    uses += [use for query in vectors.values() for use in search.prices_of(query).items()]
    known = {word: prices.of(word) for word, _ in uses}
    costs = [None if (per := known[word].of("")) is None else per * much for word, much in uses]
    said = dict.fromkeys(dated(it.as_of, it.source) for it in known.values())
    amount = None if None in costs else sum(filter(None, costs))
    return Bill(
        len(searches) + len(vectors), amount, prices.currency, "; ".join(filter(None, said)), pages=bool(searches)
    )


# Running


async def run_checks(
    searching: Searching,
    checks: Iterable[Check],
    *,
    recorded: Sequence[CheckScore] = (),
    rows: Sequence[Recorded] = (),
    container_id: str | None = None,
    members: Mapping[str, str] | None = None,
) -> list[Checked]:
    """Ask all queries of all checks, and judge what comes.

    `recorded` is the baseline, `rows` what is recorded of the stack. `container_id` searches another object than the
    one that was recorded, such as an index that shall take its place, and `members` then says what it holds: id → the
    address of the member.
    """
    checks = list(checks)
    # All of them before the first is sent: one that cannot be asked must not be found out when others are paid.
    questions = [
        (check, query, _question(searching, check, query, container_id))
        for check in checks
        for query in check.queries.values()
    ]
    ids = {check.address: container_id or await _id(searching, check) for check in checks}
    hits: dict[str, dict[str, Sequence[Hit]]] = {check.address: {} for check in checks}

    async def ask(check: Check, query: CheckQuery, question: Question | Nearby) -> None:
        try:
            rows = [clip async for row in searching.rows(question, check.k) for clip in row]
        except ReconcilerError as error:
            raise type(error)(f"{check.address}, query {query.name}: {error}") from error
        hits[check.address][query.name] = [_hit(searching, check, clip, members) for clip in rows]

    await _side_by_side(ask(*it) for it in questions)
    return [
        checked(
            check,
            ids[check.address],
            hits[check.address],
            [row for row in recorded if row.check == check.address],
            "" if container_id else made_of(check, rows),
            [] if members else await _not_made(searching, check),
            {query.name: _contents(question) for its, query, question in questions if its is check},
        )
        for check in checks
    ]


async def _id(searching: Searching, check: Check) -> str:
    """What is searched; what is wrong with it is said where the check says so."""
    try:
        return await searching.id_of(check.of)
    except ReconcilerError as error:
        where = searching.stack.where("checks", check.address.partition("/")[2], "in")
        raise type(error)(str(Problem(*where, check.address, f"in: {error}"))) from error


def _contents(question: Question | Nearby) -> tuple[str, ...]:
    """What its pictures are, whatever they are called: their bytes, or where they are."""
    images = question.question.images if isinstance(question, Nearby) else question.images
    return tuple(image.url or hashlib.sha256(image.data).hexdigest() for image in images)


async def _side_by_side(asking: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at once: how many leave together, and how fast, is the transport's to say. The first error ends it."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in asking:
                group.create_task(one)
    except* ReconcilerError as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__


def _question(searching: Searching, check: Check, query: CheckQuery, container_id: str | None) -> Question | Nearby:
    try:
        return searching.question(check.of, query, page_size=check.k, container_id=container_id)
    except ReconcilerError as error:
        raise ReconcilerError(f"{check.address}, query {query.name}: {error}") from error


def _hit(searching: Searching, check: Check, clip: Clip, members: Mapping[str, str] | None) -> Hit:
    """A clip by the name of the asset; what is not this stack's keeps its id."""
    if check.of in searching.kept.entries:
        return Hit(searching.member(clip).name, clip.start, clip.end)
    address = members.get(clip.id, "") if members is not None else searching.member(clip).address
    name = address.rpartition("/")[2] if address.startswith(f"{check.of}/") else clip.id
    return Hit(name, clip.start, clip.end)


async def _not_made(searching: Searching, check: Check) -> list[str]:
    """What is expected and cannot be found, for it was not applied yet."""
    names = {it.asset: None for query in check.queries.values() for it in query.expect}
    if not (lacking := await searching.lacking(check.of, names)):
        return []
    return [f"expected and not made yet: {first_few(lacking, SHOWN)}; run `reconciler apply` first"]


# The baseline


def made_of(check: Check, rows: Sequence[Recorded]) -> str:
    """A digest of what is recorded of all that the answers depend on: what is searched, what it holds, what that is
    made of, and what texts name. While it is the same, this stack has changed nothing of it."""
    known = {row.address: row for row in rows if not row.deposed}
    wanted = [it for it in known if is_within(it, check.of)]
    named = {
        name for query in check.queries.values() for found in MENTION.finditer(query.text) for name in found.groups()
    }
    wanted += [it for it in known if named.issuperset(it.split("/")[1::2])] if named else []
    seen: dict[str, Recorded] = {}
    while wanted:
        if (row := known.get(address := wanted.pop())) is None or address in seen:
            continue
        seen[address] = row
        wanted += _texts(row.fields)
    told = [[it, seen[it].id, mask(seen[it].fields)] for it in sorted(seen)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32] if told else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def to_record(
    outcome: Checked, recorded: Sequence[CheckScore], rows: Sequence[Recorded], at: str, *, anew: bool
) -> tuple[CheckScore, ...]:
    """What the state shall know of a check from now on that it does not yet. `anew`: all of it, because somebody says
    so; else only queries that have no baseline, and only if the check passes: a worse run never lowers one."""
    known = {row.query for row in recorded if row.check == outcome.check.address}
    found = scores_of(outcome, at, made_of(outcome.check, rows))
    if anew:
        return tuple(found)
    return tuple(row for row in found if outcome.passes and row.query not in known)
