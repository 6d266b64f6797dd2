"""How checks went: as text, JSON, JUnit, Markdown and a page of HTML. Nothing is fetched for it, no picture either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from reconciler.checks import MEASURES, Answered, Checked
from reconciler.checks.words import MEMBER, counted
from reconciler.frozen import dataclass
from reconciler.model import Expectation
from reconciler.redact import plain
from reconciler.reports.json import FORMAT_VERSION
from reconciler.reports.markdown import LIMIT, code, fenced
from reconciler.reports.page import rendered_page
from reconciler.reports.values import played
from reconciler.reports.view import environment

__all__ = ["checks_blocks", "checks_html", "checks_json", "checks_junit", "checks_markdown", "checks_text"]

NOT_OURS = "not by this stack: nothing of ours that it depends on has changed since the baseline"


@dataclass(frozen=True, slots=True)
class _Line:
    """One hit of a query, or something that it missed."""

    rank: str
    asset: str
    times: str
    what: str
    """`found`, `again` (more of what is found), `wrong`, `missed`."""


# Words


def _times(start: float | None, end: float | None) -> str:
    if start is None and end is None:
        return ""
    return f"{played(start or 0.0)}-{'' if end is None else played(end)}"


def _expected(it: Expectation) -> str:
    return plain(f"{it.asset} {_times(it.start, it.end)}".rstrip())


def _lines(answer: Answered) -> Iterator[_Line]:
    seen: set[int] = set()
    for rank, (hit, number) in enumerate(zip(answer.hits, answer.judged.by_hit, strict=False), 1):
        what = "wrong" if number is None else "again" if number in seen else "found"
        if number is not None:
            seen.add(number)
        yield _Line(str(rank), plain(hit.asset), _times(hit.start, hit.end), what)
    for it in answer.missed:
        yield _Line("", plain(it.asset), _times(it.start, it.end), "missed")


def _measures(outcome: Checked) -> Iterator[tuple[str, str, str, str]]:
    """Of each: its name, mean, interval, and what is demanded and what it was."""
    some = outcome.compared < len(outcome.answers)  # the means are of other queries then
    of_which = f" of {counted(outcome.compared)}" if some else ""
    for measure in MEASURES:
        floor, low_high = outcome.check.floors.get(measure), outcome.verdict.intervals.get(measure)
        words = []
        if floor is not None and floor.least is not None:
            words.append(f"floor {floor.least:g}")
        if (was := outcome.before.get(measure)) is not None:
            words.append(f"was {was:.3f}{of_which}")
        if floor is not None and floor.allow is not None:
            words.append(f"may lose {floor.allow:g}")
        between = f"{low_high[0]:.3f} to {low_high[1]:.3f}" if low_high else ""
        yield measure, f"{outcome.scores.mean[measure]:.3f}", between, ", ".join(words)


def _said(outcome: Checked) -> Iterator[tuple[str, str]]:
    """(severity, what) of all that is to be said."""
    yield from (("error", plain(text)) for text in outcome.verdict.failures)
    if outcome.verdict.failures and outcome.unchanged:
        yield "note", NOT_OURS
    yield from (("warning", plain(text)) for text in outcome.warnings)


def _summary(outcomes: Sequence[Checked]) -> str:
    failed, queries = sum(not it.passes for it in outcomes), sum(len(it.answers) for it in outcomes)
    return f"Checks: {len(outcomes) - failed} passed, {failed} failed; {counted(queries)}."


def _head(outcome: Checked) -> str:
    return f"{counted(len(outcome.answers))} of {plain(outcome.check.of)}, first {outcome.check.k} hits"


def _of_a_query(answer: Answered) -> str:
    """In one line what was found, with ranks, and what was missed."""
    found = [f"{line.asset} {line.times} at {line.rank}" for line in _lines(answer) if line.what == "found"]
    missed = [_expected(it) for it in answer.missed]
    parts = [f"found {len(found)} of {len(answer.query.expect)}"]
    parts += [", ".join(found)] if found else []
    return "; ".join(parts + ([f"missed {', '.join(missed)}"] if missed else []))


# Formats


def checks_text(outcomes: Sequence[Checked]) -> str:
    """For people: measures of each check, then each of its queries."""
    return "\n".join((*(line for outcome in outcomes for line in _block(outcome)), _summary(outcomes)))


def _block(outcome: Checked) -> Iterator[str]:
    yield f"{outcome.check.address}  {'passed' if outcome.passes else 'FAILED'}  ({_head(outcome)})"
    for measure, mean, between, words in _measures(outcome):
        yield f"  {measure:<8} {mean}  95 %: {between}  {words}".rstrip()
    width = max((len(answer.query.name) for answer in outcome.answers), default=0)
    for answer in outcome.answers:
        yield f"    {answer.query.name:<{width}}  {_of_a_query(answer)}"
    for severity, text in _said(outcome):
        yield f"  {severity}: {text}"
    yield ""


def checks_json(stack: str, outcomes: Sequence[Checked]) -> dict[str, Any]:
    """For programs."""
    return {
        "format_version": FORMAT_VERSION,
        "stack": stack,
        "passed": all(it.passes for it in outcomes),
        "checks": [_check_json(outcome) for outcome in outcomes],
    }


def _check_json(outcome: Checked) -> dict[str, Any]:
    floors, intervals, before = outcome.check.floors, outcome.verdict.intervals, outcome.before
    measures = {
        measure: {
            "mean": outcome.scores.mean[measure],
            "interval": list(intervals.get(measure, ())),
            "floor": floors[measure].least if measure in floors else None,
            "allow": floors[measure].allow if measure in floors else None,
            "baseline": before.get(measure),
        }
        for measure in MEASURES
    }
    return {
        "address": outcome.check.address,
        "in": outcome.check.of,
        "id": outcome.container_id,
        "k": outcome.check.k,
        "passed": outcome.passes,
        "measures": measures,
        "failures": list(outcome.verdict.failures),
        "warnings": list(outcome.warnings),
        "not_by_this_stack": bool(outcome.verdict.failures) and outcome.unchanged,
        "baseline_at": outcome.baseline.at if outcome.baseline else None,
        "queries": [_query_json(outcome, answer) for answer in outcome.answers],
    }


def _query_json(outcome: Checked, answer: Answered) -> dict[str, Any]:
    whats = [line.what for line in _lines(answer)]
    name = answer.query.name
    return {
        "name": name,
        "measures": {measure: each[name] for measure, each in outcome.scores.by_query.items()},
        "hits": [
            {MEMBER: hit.asset, "from": hit.start, "to": hit.end, "result": what}
            for hit, what in zip(answer.hits, whats, strict=False)
        ],
        "missed": [{MEMBER: it.asset, "from": it.start, "to": it.end, "grade": it.grade} for it in answer.missed],
    }


def checks_junit(stack: str, outcomes: Sequence[Checked]) -> str:
    """A suite a check. Its verdict is a case, and each query one: what a query missed fails it if the check fails, and
    stands in its output if that is good enough."""
    root = ElementTree.Element("testsuites", {"name": "reconciler checks"})
    total = 0
    for outcome in outcomes:
        cases = len(outcome.answers) + 1
        failed = 0 if outcome.passes else 1 + sum(bool(it.missed) for it in outcome.answers)
        total += failed
        counts = {"tests": str(cases), "failures": str(failed), "errors": "0", "skipped": "0"}
        suite = ElementTree.SubElement(root, "testsuite", {"name": outcome.check.address, **counts})
        classname = f"{plain(stack)}.{outcome.check.address}"
        case = ElementTree.SubElement(suite, "testcase", {"classname": classname, "name": "verdict"})
        lines = [
            f"{measure} {mean} ({between}) {words}".rstrip() for measure, mean, between, words in _measures(outcome)
        ]
        lines += [f"{severity}: {text}" for severity, text in _said(outcome)]
        _tell(case, "; ".join(map(plain, outcome.verdict.failures)), lines)
        for answer in outcome.answers:
            case = ElementTree.SubElement(suite, "testcase", {"classname": classname, "name": answer.query.name})
            lines = [" ".join(filter(None, (it.what, it.rank, it.asset, it.times))) for it in _lines(answer)]
            missed = "missed " + ", ".join(_expected(it) for it in answer.missed)
            _tell(case, missed if answer.missed and not outcome.passes else "", lines)
    root.set("tests", str(sum(len(it.answers) + 1 for it in outcomes)))
    root.set("failures", str(total))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _tell(case: ElementTree.Element, failure: str, lines: Sequence[str]) -> None:
    attributes = {"message": failure, "type": "check"} if failure else {}
    ElementTree.SubElement(case, "failure" if failure else "system-out", attributes).text = "\n".join(lines)


def checks_markdown(stack: str, outcomes: Sequence[Checked], *, limit: int = LIMIT) -> str:
    """For a comment on a pull request: checks that failed first, and what is missed before what is found."""
    ordered = sorted(outcomes, key=lambda it: it.passes)
    for whole in (True, False):
        blocks = [
            {
                "name": code(outcome.check.address),
                "passed": outcome.passes,
                "head": _head(outcome),
                "measures": list(_measures(outcome)),
                "said": fenced([f"{severity}: {text}" for severity, text in _said(outcome)]),
                "queries": fenced(list(_hits(outcome, whole=whole))),
            }
            for outcome in ordered
        ]
        template = environment().get_template("checks.md.j2")
        text = template.render(stack=code(stack), summary=_summary(outcomes), checks=blocks, cut=not whole)
        if len(text) <= limit:
            break
    return text if len(text) <= limit else f"{text[: limit - 2]}…\n"


def _hits(outcome: Checked, *, whole: bool) -> Iterator[str]:
    for answer in sorted(outcome.answers, key=lambda it: not it.missed):
        if whole or answer.missed:
            yield f"{answer.query.name}: {_of_a_query(answer)}"


def checks_html(stack: str, provider: str, outcomes: Sequence[Checked]) -> str:
    """One page: each query with its hits in their order, and what they lack."""
    return rendered_page(
        "checked.html.j2",
        what="Checks of",
        stack=plain(stack),
        origin=[("provider", plain(provider))],
        state="good" if all(it.passes for it in outcomes) else "bad",
        summary=_summary(outcomes),
        checks=checks_blocks(outcomes),
    )


def checks_blocks(outcomes: Sequence[Checked]) -> list[dict[str, Any]]:
    """What a page says of each, those that failed first."""
    return [
        {
            "name": outcome.check.address,
            "passed": outcome.passes,
            "head": _head(outcome),
            "measures": list(_measures(outcome)),
            "said": list(_said(outcome)),
            "queries": [
                (it.query.name, plain(it.query.text), _of_a_query(it), bool(it.missed), list(_lines(it)))
                for it in outcome.answers
            ],
        }
        for outcome in sorted(outcomes, key=lambda it: it.passes)
    ]
