"""Planner cases: YAML that says what was applied, what is live, what the stack says now and what the plan is.

`tests/cases/plan/schema.json` says what a case can hold. Live objects and recorded rows are derived from `applied:`,
with ids that can be read (`id-final`, `id-catalog-final`); `live:` and `recorded:` change single things of them. No
HTTP and no state are involved.

    python -m tests.support.planning tests/cases/plan/moves.yaml      fills in `plan:` where a case has none, to be read
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import yaml

from reconciler.diff import Difference, diff
from reconciler.errors import Invalid
from reconciler.kind import Derived
from reconciler.load import load
from reconciler.model import (
    Attempt,
    Cost,
    Live,
    Plan,
    Recorded,
    Resource,
    Snapshot,
    Stack,
    Stamp,
    Status,
    key_of,
    names_of,
    nowhere,
    parent_of,
    sections_of,
)
from reconciler.ownership import Claims, claim
from reconciler.plan import guards, make_plan
from reconciler.plan.awaited import awaited
from reconciler.plan.guards import Consent
from reconciler.plan.targeting import Targeting
from reconciler.providers.twelvelabs import KINDS
from reconciler.reports.result import Result
from reconciler.reports.text import as_text

CASES = Path(__file__).parents[1] / "cases" / "plan"
OF_A_ROW = ("id", "protect", "facts")
SPECIAL = ("status", "stamp", "id", "parent", "detailed", "facts", "kind")


@dataclass(frozen=True)
class World:
    """A case, ready to be planned."""

    stack: Stack
    snapshot: Snapshot
    recorded: Sequence[Recorded]
    consent: Consent = field(default_factory=Consent)
    targeting: Targeting = field(default_factory=Targeting)
    attempts: Mapping[tuple[str, str], Attempt] = field(default_factory=dict)

    def claims(self) -> Claims:
        return claim(self.stack, KINDS, self.recorded, self.snapshot)

    def difference(self) -> Difference:
        return diff(self.stack, KINDS, self.claims(), self.attempts)

    def plan(self) -> Plan:
        """As the engine makes it: problems are raised."""
        claims = self.claims()
        if claims.problems:
            raise Invalid(list(_problems(claims)))
        difference = diff(self.stack, KINDS, claims, self.attempts)
        pending = awaited(claims, self.targeting, (), {})
        return make_plan(self.stack, KINDS, claims, difference, self.snapshot, self.targeting, pending)

    def refusals(self, plan: Plan) -> list[str]:
        claims = self.claims()
        owned = len(claims.rows) + len(claims.orphans)
        return guards.refusals(plan, self.stack, KINDS, owned, self.consent, claims.unproven)


def _problems(claims: Claims) -> Iterator[Any]:
    from reconciler.errors import Problem

    yield from (Problem("", 0, 0, address, text) for address, text in claims.problems)


def cases(file: Path) -> list[dict[str, Any]]:
    """The cases of a file."""
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def world(case: Mapping[str, Any]) -> World:
    """What a case describes."""
    changed = case.get("changed", ())
    then = stack_of(case.get("applied") or {}, name=case.get("was", "s"))
    then = replace(then, id=case.get("was_id", case.get("id")))
    now = stack_of(case["stack"] if "stack" in case else case.get("applied") or {}, changed=changed)
    now = replace(now, id=case.get("id"), former=tuple(case.get("former", ())))
    lives = {address: live_of(resource, then) for address, resource in then.resources.items()}
    rows = {
        address: Recorded(address, r.kind, lives[address].id, r.fields, lives[address].parent_id, r.protect)
        for address, r in then.resources.items()
        if not r.external
    }
    found = [*_live(case.get("live") or {}, lives), *map(_foreign, case.get("foreign", ()))]
    recorded = _recorded(case.get("recorded") or {}, rows)
    consent = dict(case.get("consent") or {})
    attempts = {
        (it.kind, it.fields[KINDS[it.kind].identity_name]): Attempt(**said)
        for address, said in (case.get("attempts") or {}).items()
        for it in [now.resources[address]]
    }
    for name in ("replace", "foreign"):
        consent[name] = frozenset(consent.get(name, ()))
    targeting = Targeting(tuple(case.get("target", ())), tuple(case.get("exclude", ())))
    return World(now, snapshot_of(found, case.get("unlisted", ())), recorded, Consent(**consent), targeting, attempts)


def stack_of(declared: Mapping[str, Any], *, name: str = "s", changed: Sequence[str] = ()) -> Stack:
    """A stack as the loader gives it; the bytes of a file are told by its name, and by whether they changed."""
    with tempfile.TemporaryDirectory() as directory:
        text = yaml.safe_dump({"stack": name, "provider": "twelvelabs", **declared}, sort_keys=False)
        (Path(directory) / "s.yaml").write_text(text, encoding="utf-8")
        for file in re.findall(r"file: ([^\s,}]+)", text):
            path = Path(directory) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        stack = load(Path(directory), environ={})
    resources = {address: _identified(resource, changed) for address, resource in stack.resources.items()}
    contents = {address: resource.fields.get("content") for address, resource in resources.items()}
    # What stands for an asset is what that is.
    contents |= {it.address: contents.get(it.fields["asset"]) for it in resources.values() if "asset" in it.fields}
    for address, resource in resources.items():
        if issubclass(kind := KINDS[resource.kind], Derived):
            made_of = kind.identity(resource.fields, contents.get)
            resources[address] = replace(resource, fields={**resource.fields, kind.identity_name: made_of})
    return replace(stack, resources=resources, where=nowhere)


def _identified(resource: Resource, changed: Sequence[str]) -> Resource:
    source = resource.fields.get("file") or resource.fields.get("url")
    if source is None:
        return resource
    content = f"bytes of {source}" + (" (changed)" if source in changed else "")
    return replace(resource, fields={**resource.fields, "content": content})


def id_of(address: str) -> str:
    """As `id-final`, `id-catalog-final` or `id-clips-final`."""
    if address.count("/") == 2:
        return "-".join(("id", *names_of(address)))
    parent = parent_of(address)
    return f"id-{key_of(parent)}-{key_of(address)}" if parent else f"id-{key_of(address)}"


def live_of(resource: Resource, stack: Stack) -> Live:
    """The object as the API would have it: defaults filled in, empty things dropped, ids for references, our stamp."""
    kind = KINDS[resource.kind]
    fields: dict[str, Any] = {}
    for name, spec in kind.specs.items():
        if spec.source or spec.identity:
            continue
        value = resource.fields.get(name, spec.default)
        if name == "filename" and value is None:
            value = str(resource.fields.get("file", "")).rpartition("/")[2]
        if spec.ref and value is not None:
            value = [id_of(a) for a in value] if spec.many else id_of(value)
        empty: Any = {} if spec.stamped else [] if spec.unordered else None
        fields[name] = empty if value is None else value
    stamped = kind.field_with(lambda spec: spec.stamped) is not None and stack.stamps and not resource.external
    stamp = Stamp(stack.name, resource.address, resource.fields.get(kind.identity_name), stack.id) if stamped else None
    parent = parent_of(resource.address)
    id = resource.id or id_of(resource.address)
    return Live(resource.kind, id, fields, id_of(parent) if parent else None, stamp=stamp)


def _live(changes: Mapping[str, Any], lives: Mapping[str, Live]) -> Iterator[Live]:
    gone = {address for address, change in changes.items() if change == "gone"}
    for address, live in lives.items():
        if address not in gone and parent_of(address) not in gone:
            yield _changed(live, changes.get(address) or {})


def _changed(live: Live, change: Mapping[str, Any]) -> Live:
    fields = {**live.fields, **{name: value for name, value in change.items() if name not in SPECIAL}}
    live = replace(
        live,
        id=change.get("id", live.id),
        fields=fields,
        parent_id=change.get("parent", live.parent_id),
        status=Status(change.get("status", live.status)),
        detailed=change.get("detailed", live.detailed),
        facts=change.get("facts", live.facts),
    )
    if "stamp" in change:
        live = replace(live, stamp=Stamp(**change["stamp"]) if change["stamp"] else None)
    return live


def _foreign(what: Mapping[str, Any]) -> Live:
    """An object that `applied:` knows nothing of."""
    kind = KINDS[what["kind"]]
    blank = {name: {} if spec.stamped else spec.default for name, spec in kind.specs.items() if not spec.source}
    return _changed(Live(what["kind"], what["id"], {n: v for n, v in blank.items() if n != "content"}), what)


def snapshot_of(lives: Sequence[Live], unlisted: Sequence[str] = ()) -> Snapshot:
    """All of it read, but for what lives in the `unlisted` parents."""
    by_kind: dict[str, dict[str, Live]] = {kind.__name__: {} for kind in KINDS}
    for live in lives:
        by_kind[live.kind][live.id] = live
    parents = {kind.__name__: frozenset(by_kind[kind.parent.__name__]) - set(unlisted) for kind in KINDS if kind.parent}
    return Snapshot(by_kind, parents, requests=1)


def _recorded(changes: Any, rows: Mapping[str, Recorded]) -> list[Recorded]:
    if changes == "none":
        return []
    kept = {**rows}
    for address, change in changes.items():
        plain, _, id = address.partition("@")
        if change == "none":
            kept.pop(address)
        elif id:
            kind = next(kind for kind in KINDS if "/".join(kind.section_path()) == "/".join(sections_of(plain)))
            kept[address] = Recorded(plain, kind.__name__, id, {}, change.get("parent"), deposed=True)
        else:
            row = kept[address]
            fields = {**row.fields, **{name: value for name, value in change.items() if name not in OF_A_ROW}}
            others = {name: change[name] for name in OF_A_ROW if name in change}
            kept[address] = replace(row, **others, fields=fields)
    return list(kept.values())


def outcome(case: Mapping[str, Any]) -> dict[str, Any]:
    """What planning a case gives, under the keys under which a case expects it."""
    here = world(case)
    wrong = guards.problems(here.stack)
    if wrong:
        return {"problems": [str(problem) for problem in wrong]}
    try:
        plan = here.plan()
    except Invalid as error:
        return {"problems": [str(problem) for problem in error.problems]}
    plan = replace(plan, estimate=replace(plan.estimate, **_estimated(case.get("estimate", {}))))
    text = as_text(Result("plan", plan), whole=bool(case.get("whole")), verbose=bool(case.get("verbose")))
    result: dict[str, Any] = {"plan": _trimmed(text)}
    if refused := here.refusals(plan):
        result["refused"] = refused
    result["steps"] = [step.id for step in plan.steps]
    result["drift"] = _trimmed(as_text(Result("drift", replace(plan, diagnostics=()))))
    return result


def _estimated(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a case says of the estimate; a cost is an amount."""
    cost = {"cost": Cost(given["cost"], "USD", None, "the case", 0)} if "cost" in given else {}
    return {**given, **cost}


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in click.unstyle(text).splitlines())


def fill(file: Path) -> None:
    """Give each case of a file that expects nothing what it gives now, and put `steps: fill` and the like in words."""
    head, *chunks = re.split(r"(?m)^(?=- name: )", file.read_text(encoding="utf-8"))
    filled = [_filled(chunk, case) for chunk, case in zip(chunks, cases(file), strict=True)]
    file.write_text((head + "".join(filled)).rstrip("\n") + "\n", encoding="utf-8")


def _filled(chunk: str, case: Mapping[str, Any]) -> str:
    given = outcome(case)
    wanted = [name for name in ("drift", "steps") if case.get(name) == "fill"]
    if not {"plan", "problems"} & set(case):
        wanted = ["plan", "refused", "problems", *wanted]
    kept = [line for line in chunk.rstrip("\n").splitlines() if not line.endswith(": fill")]
    lines = (line for name in wanted if name in given for line in _shown(name, given[name]))
    return "\n".join([*kept, *lines]) + "\n\n"


def _shown(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield f"  {name}: |2" if value.startswith(" ") else f"  {name}: |"
        yield from (f"    {line}".rstrip() for line in value.splitlines())
    else:
        yield f"  {name}:"
        yield from ("    - " + yaml.safe_dump(line, width=1000).removesuffix("\n...\n").rstrip() for line in value)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        fill(Path(name))
