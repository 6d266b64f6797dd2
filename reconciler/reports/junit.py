"""Whatever a run has to say as JUnit XML, as Jenkins reads it: each address is a test.

What was changed outside git, refused or not done fails it. There is always one test, for a report of none fails a build
that has nothing to complain of.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from reconciler.frozen import dataclass
from reconciler.redact import plain
from reconciler.reports.result import Result, Spot
from reconciler.reports.view import entries, told

__all__ = ["as_junit"]


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    outcome: str = ""
    """`failure`, `error` or `skipped`; '' when it is as it should be."""
    type: str = ""
    message: str = ""
    text: str = ""


def as_junit(result: Result) -> str:
    """One suite, of the run."""
    name = plain(result.stack or result.path) or "stack"
    tests = [*_tests(result)] or [_Test(f"{name} is in sync")]
    counts = {"tests": str(len(tests))} | {
        f"{word}s": str(sum(test.outcome == word for test in tests)) for word in ("failure", "error")
    }
    root = ElementTree.Element("testsuites", {"name": f"reconciler {result.kind}", **counts})
    skipped = str(sum(test.outcome == "skipped" for test in tests))
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **counts, "skipped": skipped})
    if result.home:
        suite.set("file", plain(result.home.file))
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("baseline", result.baseline), ("version", result.version)):
        ElementTree.SubElement(properties, "property", {"name": key, "value": plain(value)})
    for test in tests:
        case = ElementTree.SubElement(suite, "testcase", {"classname": f"{name}.{result.kind}", "name": test.name})
        if test.outcome:
            said = ElementTree.SubElement(case, test.outcome, {"message": test.message, "type": test.type})
            said.text = test.text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _tests(result: Result) -> Iterator[_Test]:
    for number, line in enumerate(result.refusals, 1):
        yield _Test(f"guard {number}", "failure", "refused", plain(line))
    for problem in result.diagnostics:
        if problem.severity == "error":
            name = plain(problem.address) or "the run"
            yield _Test(name, "error", result.reason or "problem", plain(problem.summary), str(problem))
    if result.report is not None:
        yield from _outcomes(result)
    elif result.kind != "error":
        yield from _addresses(result)


def _outcomes(result: Result) -> Iterator[_Test]:
    words = {"done": "", "begun": "skipped", "awaited": "skipped", "skipped": "skipped", "failed": "failure"}
    for outcome in result.report.outcomes if result.report else ():
        said, action = plain(outcome.message), outcome.action.value
        yield _Test(plain(outcome.address), words.get(outcome.result, "failure"), action, said)


def _addresses(result: Result) -> Iterator[_Test]:
    """All that were looked at, and what was changed by hand."""
    changed = {entry.address: entry for entry in entries(result.drift)}
    for name in sorted({*map(plain, result.compared), *changed}):
        entry = changed.get(name)
        if entry is None:
            yield _Test(name)
            continue
        lines = [told(row, result.baseline) for row in entry.rows]
        yield _Test(name, "failure", "drift", entry.reason, "\n".join([*_at(result.spot(entry.address)), *lines]))


def _at(spot: Spot | None) -> Iterator[str]:
    if spot:
        yield f"{plain(spot.file)}:{spot.line}" if spot.line else plain(spot.file)
