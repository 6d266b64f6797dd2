"""Drift as JUnit XML: each address that is managed is a test, and what was changed behind git's back fails it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from reconciler.model import Change
from reconciler.reports.view import entries

__all__ = ["drift_junit"]


def drift_junit(stack: str, drift: Sequence[Change], addresses: Iterable[str]) -> str:
    """One suite. `addresses` are all that were looked at."""
    changed = {entry.address: entry for entry in entries(drift)}
    names = sorted({*addresses, *changed})
    counts = {"tests": str(len(names)), "failures": str(len(changed)), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", {"name": "reconciler drift", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": stack, **counts})
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", {"classname": f"{stack}.drift", "name": name})
        if entry := changed.get(name):
            failure = ElementTree.SubElement(case, "failure", {"message": entry.reason, "type": "drift"})
            failure.text = "\n".join(f"{row.path}: {row.before} → {row.after}" for row in entry.rows)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
