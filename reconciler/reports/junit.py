"""Drift as JUnit XML: each address that is managed is a test, and what was changed outside git fails it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from reconciler.model import Change
from reconciler.redact import plain
from reconciler.reports.view import entries, told

__all__ = ["drift_junit"]


def drift_junit(stack: str, drift: Sequence[Change], addresses: Iterable[str], baseline: str = "recorded") -> str:
    """One suite. `addresses` are all that were looked at."""
    changed = {entry.address: entry for entry in entries(drift)}
    names, stack = sorted({*map(plain, addresses), *changed}), plain(stack)
    counts = {"tests": str(len(names)), "failures": str(len(changed)), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", {"name": "reconciler drift", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": stack, **counts})
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", {"name": "baseline", "value": baseline})
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", {"classname": f"{stack}.drift", "name": name})
        if entry := changed.get(name):
            failure = ElementTree.SubElement(case, "failure", {"message": entry.reason, "type": "drift"})
            failure.text = "\n".join(told(row, baseline) for row in entry.rows)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
