"""A page of HTML: it is whole, it does nothing but what its own script does, and whatever is put into it is text."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Problem
from reconciler.model import Action, Change, ChangedBy, Cost, Delta, Estimate, Outcome, Plan, Report
from reconciler.redact import plain
from reconciler.reports.html import as_html
from reconciler.reports.html.figures import figures
from reconciler.reports.html.marks import marked
from reconciler.reports.result import Result, Spot

EMPTY = {"br", "input", "link", "meta"}
NASTY = "</code></script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' --><!-- ]]>\x00\u202e${x}"


class Page(HTMLParser):
    """A page as a browser would see it, of which each element must be ended as it began."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), attrs
        self.tags.append((tag, attributes))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def text(self, within: str = "") -> str:
        """All that is read, or what stands directly in elements of one name."""
        return "".join(
            data for tag, data in self.texts if (tag == within if within else tag not in ("script", "style"))
        )

    def shape(self) -> list[tuple[str, ...]]:
        """What is there but for all that could come from elsewhere."""
        return [(tag, *sorted(attributes)) for tag, attributes in self.tags]


def update(path: str, before: object, after: object, **more: object) -> Change:
    return Change("assets/x", "Asset", Action.UPDATE, "changed in git", (Delta(path, before, after, **more),))  # type: ignore[arg-type]


def plan_of(*changes: Change, **more: object) -> Result:
    return Result("plan", Plan("sports", "twelvelabs", changes, (), **more), version="9.9.9")  # type: ignore[arg-type]


def all_of(text: str) -> list[Result]:
    """One of each kind, with a text wherever there may be one."""
    change = replace(update(f"metadata.{text}", text, f"b {text}", source=ChangedBy.BOTH, recorded=text), reason=text)
    gone = Change(f"indexes/{text}", text, Action.DELETE, text, facts={"foreign": [text]}, id=text)
    notes = tuple(Problem(text, 1, 1, text, text, severity) for severity in ("error", "warning", "note"))
    cost = Cost(1.0, text, text, text, 1)
    plan = Plan(
        text,
        text,
        (change, gone, Change("assets/y", "Asset", Action.CREATE, "new", (Delta("x", None, [text, {text: text}]),))),
        (),
        drift=(change,),
        diagnostics=notes,
        estimate=Estimate(index_objects=1, cost=cost),
        stuck={text: text},
    )
    report = Report(text, (Outcome("assets/x", Action.UPDATE, "failed", text, id=text),))
    more = {"spots": {"assets/x": Spot(text, 1, 1)}, "refusals": (text,), "consents": (text,), "path": text}
    return [
        Result("plan", plan, **more),  # type: ignore[arg-type]
        Result("apply", plan, report=report, **more),  # type: ignore[arg-type]
        Result("drift", plan, objects=((text, text, text),), **more),  # type: ignore[arg-type]
        Result("error", plan, reason=text, **more),  # type: ignore[arg-type]
    ]


# Safe


@settings(max_examples=40)
@given(
    st.text(alphabet=st.characters(exclude_categories=[]), min_size=1) | st.sampled_from([NASTY, "</script>", "&lt;"])
)
def test_whatever_is_put_into_a_page_is_text_in_it(text: str) -> None:
    for result, harmless in zip(all_of(text), all_of("abc"), strict=True):
        page, same = Page(as_html(result)), Page(as_html(harmless))

        assert {*page.shape()} <= {*same.shape(), ("mark",)}
        assert page.text("script") == same.text("script") and page.text("style") == same.text("style")
        assert plain(text).strip() in page.text()


def test_all_that_a_page_runs_or_looks_by_is_named_by_its_hash_and_nothing_is_fetched() -> None:
    for result in all_of(NASTY):
        text = as_html(result)
        page = Page(text)
        (policy,) = [str(it["content"]) for tag, it in page.tags if it.get("http-equiv") == "Content-Security-Policy"]
        parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))

        assert parts.pop("default-src") == parts.pop("base-uri") == parts.pop("form-action") == "'none'"
        for name in ("style", "script"):
            digest = b64encode(sha256(page.text(name).encode()).digest()).decode()
            assert parts.pop(f"{name}-src") == f"'sha256-{digest}'"
            assert sum(tag == name for tag, _ in page.tags) == 1
        assert parts == {}
        attributes = {name for _, given in page.tags for name in given}
        assert not {name for name in attributes if name.startswith("on")} | attributes & {
            "src",
            "href",
            "action",
            "style",
        }
        assert not re.search(r"url\(|@import|https?:|\bfetch\(|XMLHttp|innerHTML|eval\(|sourceMapping", text)


def test_the_same_result_is_the_same_page() -> None:
    assert [as_html(it) for it in all_of("x")] == [as_html(it) for it in all_of("x")]


# What differs


@given(st.text(), st.text())
def test_marked_pieces_are_the_values_again(left: str, right: str) -> None:
    both = marked(left, right)

    assert tuple("".join(text for text, _ in pieces) for pieces in both) == (left, right)
    kept = ["".join(text for text, differs in pieces if not differs) for pieces in both]
    assert kept[0] == kept[1] or kept == [left, right]


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("the quick brown fox", "the slow brown fox", (["quick"], ["slow"])),
        ("one two three", "one two three four", ([], [" four"])),
        ("season 2023 of 2025", "season 2024 of 2025", (["2023"], ["2024"])),
        ("nothing in common", "quite something else", ([], [])),
        ("", "new", ([], [])),
    ],
)
def test_the_words_that_differ_are_marked(left: str, right: str, found: tuple[list[str], list[str]]) -> None:
    assert tuple([text for text, differs in pieces if differs] for pieces in marked(left, right)) == found


def rows(result: Result) -> list[tuple[str, str]]:
    """(column, text) of each value on a page."""
    cells = re.findall(r'<td class="(\w+)">(.*?)</td>', as_html(result))
    return [(column, re.sub("<.*?>", "", value)) for column, value in cells]


def test_three_columns_stand_only_where_git_and_somebody_else_have_changed_the_same() -> None:
    both = Delta("a", 2, 3, ChangedBy.BOTH, 1)
    assert rows(plan_of(update("a", 2, 3))) == [("live", "2"), ("declared", "3")]
    assert rows(plan_of(update("a", 2, 1, source=ChangedBy.DRIFT))) == [("live", "2"), ("declared", "1")]
    change = replace(
        update("b", 2, 1, source=ChangedBy.DRIFT), deltas=(both, Delta("b", 2, 1, ChangedBy.DRIFT), Delta("c", 5, 6))
    )
    columns = ("applied", "live", "declared")
    expected = [("1", "2", "3"), ("1", "2", "1"), ("not told", "5", "6")]
    assert rows(plan_of(change)) == [cell for row in expected for cell in zip(columns, row, strict=True)]


def test_of_an_inner_value_that_both_changed_nobody_says_what_was_applied() -> None:
    change = update("models[0].options", "x", "y", source=ChangedBy.BOTH)

    assert rows(plan_of(change))[0] == ("applied", "not told")
    assert rows(plan_of(update("name", "x", "y", source=ChangedBy.BOTH)))[0] == ("applied", "(not set)")


# What is known, and what is not


@pytest.mark.parametrize(
    ("estimate", "money"),
    [
        (Estimate(), ("none", "nothing is indexed or made")),
        (Estimate(index_objects=2), ("unknown", "no price is known")),
        (Estimate(derived_objects=2), ("unknown", "no price is known")),
        (
            Estimate(index_objects=2, cost=Cost(0.0, "USD", None, "prices:", 2)),
            ("unknown", "no length or no price of 2 objects"),
        ),
        (
            Estimate(index_objects=2, cost=Cost(1.5, "USD", "2026-01", "x", 1)),
            ("≥ 1.50 USD", "without 1 object; prices of 2026-01"),
        ),
        (Estimate(index_objects=2, cost=Cost(0.0, "USD", "2026-01", "x", 0)), ("≈ 0.00 USD", "prices of 2026-01")),
    ],
)
def test_money_that_nobody_knows_is_unknown_and_never_nothing(estimate: Estimate, money: tuple[str, str]) -> None:
    assert next(it[1:] for it in figures(estimate) if it[0] == "money") == money


def test_a_child_that_goes_with_its_parent_forces_nothing() -> None:
    parent = Change("indexes/c", "Index", Action.REPLACE, "", (Delta("models", 1, 2),), ("models",))
    child = Change("indexes/c/assets/a", "IndexedAsset", Action.REPLACE, "", (), ("parent",))

    assert ("m", "forces replacement", "1") in chips(as_html(plan_of(parent, child)))


def test_minutes_of_unknown_length_are_unknown() -> None:
    told = {
        name: (figure, more)
        for name, figure, more in figures(Estimate(index_objects=3, index_objects_of_unknown_length=3))
    }
    assert told["to index"] == ("unknown", "3 objects of unknown length")
    assert (
        next(
            it
            for it in figures(Estimate(index_minutes=2.5, index_objects=3, index_objects_of_unknown_length=1))
            if it[0] == "to index"
        )[1]
        == "≥ 2.5 min"
    )
    assert told["at the API's rate"][0] == "unknown"


# The tree


def children(number: int, action: Action = Action.UPDATE, of: str = "indexes/catalog/assets") -> list[Change]:
    return [
        Change(f"{of}/a{n}", "IndexedAsset", action, "why", (Delta("metadata.n", n, n + 1),)) for n in range(number)
    ]


def opened(page: str) -> tuple[list[bool], list[bool]]:
    """Of each branch and each block, whether it is open."""
    return tuple(  # type: ignore[return-value]
        [
            "open" in attributes
            for tag, attributes in Page(page).tags
            if tag == "details" and kind in str(attributes["class"]).split()
        ]
        for kind in ("branch", "b")
    )


def test_what_lives_in_something_stands_under_it_with_counts() -> None:
    parent = Change("indexes/catalog", "Index", Action.UPDATE, "changed in git", (Delta("name", "a", "b"),))
    page = as_html(plan_of(parent, *children(3)))

    assert re.findall(r"<summary><code>(.*?)</code> <b>(\d+)</b>", page) == [("indexes", "1"), ("assets", "3")]
    assert page.index('<div class="inside">') < page.index("indexes/catalog/assets/a0")
    alone = as_html(plan_of(*children(3)))
    assert re.findall(r"<summary><code>(.*?)</code> <b>(\d+)</b>", alone) == [("indexes/catalog/assets", "3")]


@pytest.mark.parametrize(
    ("number", "action", "branches", "blocks"),
    [(60, Action.UPDATE, True, True), (61, Action.UPDATE, False, False), (61, Action.DELETE, True, False)],
)
def test_of_many_changes_only_what_is_destroyed_is_unfolded(
    number: int, action: Action, branches: bool, blocks: bool
) -> None:
    found = opened(as_html(plan_of(*children(number, action))))

    assert found == ([branches], [blocks] * number)


def test_every_address_is_on_the_page_whatever_is_joined() -> None:
    same = [Change(f"assets/m-{n}", "Asset", Action.UPDATE, "why", (Delta("metadata.n", 1, 2),)) for n in range(40)]
    page = as_html(plan_of(*same, *children(200, Action.DELETE), *children(30, Action.REPLACE, "indexes/b/assets")))

    text = Page(page).text()
    assert [it.address for it in same if f"{it.address}\n" not in text] == []
    assert "40 × assets/m-*" in text
    assert page.count('class="b ') == 1 + 200 + 30


def test_what_an_apply_came_to_stands_at_each_address() -> None:
    changes = [Change(f"assets/m-{n}", "Asset", Action.UPDATE, "why", (Delta("metadata.n", 1, 2),)) for n in range(7)]
    outcomes = [Outcome(it.address, it.action, "done", id=f"id-{n}") for n, it in enumerate(changes)]
    outcomes[3] = Outcome("assets/m-3", Action.UPDATE, "failed", "the API says no")
    result = replace(plan_of(*changes), kind="apply", report=Report("1", tuple(outcomes)))

    page = as_html(result)

    assert '<p class="message bad">the API says no</p>' in page
    assert "6 × assets/m-*" in page and "<code>assets/m-3</code>" in page
    assert re.findall(r'value="(\w+)">\w+ <b>(\d)</b>', page)[-2:] == [("done", "6"), ("failed", "1")]
    assert all(f"id-{n}" in page for n in range(7) if n != 3)


def chips(page: str) -> Sequence[tuple[str, str, str]]:
    return re.findall(r'data-facet="(\w)" value="(.*?)"(?: class=".*?")?>.*? <b>(\d+)</b>', page)


def test_chips_count_changes_and_not_blocks() -> None:
    same = [Change(f"assets/m-{n}", "Asset", Action.UPDATE, "why", (Delta("metadata.n", 1, 2),)) for n in range(40)]

    page = as_html(plan_of(*same, *children(2, Action.REPLACE)))

    assert chips(page) == [
        ("a", "replace", "2"),
        ("a", "update", "40"),
        ("k", "IndexedAsset", "2"),
        ("k", "Asset", "40"),
    ]


def test_a_long_value_is_cut_unless_all_of_it_is_asked_for() -> None:
    result = plan_of(update("metadata.x", "a" * 900, "b" * 900))

    assert "a" * 900 not in as_html(result) and "shown in part" in as_html(result)
    assert "a" * 900 in as_html(result, whole=True) and "shown in part" not in as_html(result, whole=True)


def test_of_more_changes_than_a_browser_takes_all_that_is_destroyed_is_there_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reconciler.reports.html.MOST", 30)
    drift = tuple(children(3, of="assets"))

    page = as_html(plan_of(*children(28, Action.DELETE), *children(7, of="indexes/b/assets"), drift=drift))
    text = Page(page).text()

    assert page.count('class="b delete"') == 28 and page.count('class="b update"') == 2
    assert "Deleted or replaced: 28" in text and "All else: 7" in text and "Changed outside git: 3" in text
    assert "5 of them are not on this page" in text and "3 of them are not on this page" in text
    assert as_html(plan_of(*children(40, Action.DELETE))).count('class="b delete"') == 40


def test_a_chip_that_all_changes_have_is_none() -> None:
    assert chips(as_html(plan_of(*children(3)))) == []
    assert chips(as_html(plan_of(*children(2), update("a", 1, 2)))) == [("k", "IndexedAsset", "2"), ("k", "Asset", "1")]


def test_drift_is_filtered_by_what_became_of_it() -> None:
    drift = (*children(2), *(replace(it, action=Action.DELETE, deltas=()) for it in children(1, of="assets")))
    of_drift = Result("drift", Plan("sports", "twelvelabs", (), (), drift=drift))

    assert chips(as_html(of_drift)) == [("a", "changed", "2"), ("a", "gone", "1")]
    assert ("a", "drifted", "3") in chips(as_html(plan_of(update("a", 1, 2), drift=drift)))
