"""A query that somebody asked is written into a check: at its place, all other bytes kept, proven by reading it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Invalid, ReconcilerError
from reconciler.load.yaml.insert import inserted
from reconciler.load.yaml.reader import read
from reconciler.model import Expectation
from reconciler.project import ProjectOptions, access
from reconciler.project.noting import check_called, expectation, noted
from tests.support.served import Place, place

HEAD = """\
# ours
stack: films
provider: twelvelabs
assets: {final: {url: "https://m.example.com/final_goal.mp4"}, kit: {url: "https://m.example.com/kit.png"}}
"""
TAIL = """\
indexes: {catalog: {models: [{name: marengo3.0}], assets: {final: {}}}}   # the end
"""
QUERY = "{text: old, expect: [final]}"
NEW = 'late-goal: {text: "late \\"goal\\"", expect: [{asset: "final", from: 5340, to: 5400.5}]}'
BLOCK = f"""\
checks:
  goals:
    in: indexes/catalog
    options: [visual]
    queries:
      # the first
      old: {QUERY}   # of last year
%s
    k: 5

"""
NESTED = """\
checks:
    goals:
        in: indexes/catalog
        queries:
            old:
                text: >
                    old
                    words
                expect:
                -   final
%s
# about the index
"""
FLOW = f"checks: {{goals: {{in: indexes/catalog, queries: {{old: {QUERY}%s}}}}}}\n"
LAST = f"checks:\n  goals:\n    in: indexes/catalog\n    queries:\n      old: {QUERY}%s"


def add(directory: Path, text: str, name: str = "stack.yaml", asked: str = 'late "goal"') -> str:
    (directory / name).write_bytes(text.encode())
    options = ProjectOptions()
    stack = access.load_stack(directory, options)
    check = check_called(stack, "checks/goals")

    made = noted(directory, options, stack, check, {"text": asked}, ["final@5340-5400.5"])
    assert made.file == directory / name
    return made.text


@pytest.mark.parametrize(
    ("checks", "line"),
    [
        (BLOCK, f"      {NEW}\n"),
        (NESTED, f"            {NEW}\n"),
        (FLOW, f", {NEW}"),
    ],
    ids=["block", "nested", "flow"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_stands_where_the_others_do_and_nothing_else_moves(
    tmp_path: Path, checks: str, line: str, newline: str
) -> None:
    def whole(what: str) -> str:
        written = checks.replace("%s\n", what) if checks is not FLOW else checks.replace("%s", what)
        return (HEAD + written + TAIL).replace("\n", newline)

    assert add(tmp_path, whole("")) == whole(line)


def test_at_the_end_of_a_file_without_a_line_break(tmp_path: Path) -> None:
    assert add(tmp_path, HEAD + TAIL + LAST.replace("%s", "")) == HEAD + TAIL + LAST.replace("%s", f"\n      {NEW}\n")


def test_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + TAIL)
    text = add(tmp_path, LAST.replace("%s", "\n"), "checks.yaml")
    assert text == LAST.replace("%s", f"\n      {NEW}\n")


def test_what_a_text_says_is_no_variable_and_no_yaml(tmp_path: Path) -> None:
    asked = "${nobody} # 'quoted' \\ {a: b}\n\u00e9"
    text = add(tmp_path, HEAD + BLOCK.replace("%s\n", "") + TAIL, asked=asked)
    (tmp_path / "stack.yaml").write_text(text)
    queries = access.load_stack(tmp_path, ProjectOptions()).checks["goals"].queries
    (new,) = [query for name, query in queries.items() if name != "old"]
    assert new.text == asked
    assert new.expect == (Expectation("final", 5340.0, 5400.5),)
    assert new.options == ("visual",)  # as the check says of all of its queries


def test_what_would_not_load_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(HEAD + BLOCK.replace("%s\n", "") + TAIL)
    options = ProjectOptions()
    stack = access.load_stack(tmp_path, options)
    check = check_called(stack, "goals")
    with pytest.raises(Invalid, match='"fnal" is not in indexes/catalog; did you mean "final"'):
        noted(tmp_path, options, stack, check, {"text": "x"}, ["fnal"])
    with pytest.raises(Invalid, match="to: 3 is not after 9"):
        noted(tmp_path, options, stack, check, {"text": "x"}, ["final@9-3"])
    with pytest.raises(ReconcilerError, match="there is one of that name"):
        noted(tmp_path, options, stack, check, {"text": "x"}, ["final"], "old")
    with pytest.raises(ReconcilerError, match="there is no check other to add to; there are: goals"):
        check_called(stack, "other")
    with pytest.raises(ReconcilerError, match=r"with its first query, `checks: \{other: \{in: ADDRESS, "):
        check_called(stack, "checks/other")


def test_a_check_that_shares_its_queries_is_not_added_to(tmp_path: Path) -> None:
    shared = f"""\
checks:
  goals: {{in: indexes/catalog, queries: &both {{old: {QUERY}}}}}
  others: {{in: indexes/catalog, queries: *both}}
"""
    with pytest.raises(ReconcilerError, match="changes others too; nothing was written"):
        add(tmp_path, HEAD + shared + TAIL)


def test_times_are_read_as_they_are_shown() -> None:
    assert expectation("assets/final@1:29:00-1:30:00#2") == {
        "asset": "assets/final",
        "from": 5340,
        "to": 5400,
        "grade": 2,
    }
    assert expectation("final@90-") == {"asset": "final", "from": 90}
    for wrong in ("final@x-y", "final@1:2.3.4-5", "@3-4"):
        with pytest.raises(ReconcilerError):
            expectation(wrong)


names = st.text("abcdefg", min_size=1, max_size=5)
values = st.one_of(st.just("1"), st.just("[1, 2]"), st.just("{x: 1}"), st.just('"a # b"'), st.just("\n{i}- 1\n{i}- 2"))


@given(st.lists(st.tuples(names, values, st.sampled_from(["", "  # c", "\n", "\n# c"])), min_size=1), st.integers(1, 4))
def test_whatever_stands_there_one_key_more_is_read_and_the_rest_as_before(
    items: list[tuple[str, str, str]], indent: int
) -> None:
    pad = " " * indent
    lines = {key: f"{pad}{key}: {value.replace('{i}', pad + '  ')}{after}\n" for key, value, after in items}
    text = f"top:\n{''.join(lines.values())}other: 1\n"
    before = read(text.encode())
    after = read(inserted(text, ("top",), "new", "{y: 2}").encode())
    assert after.whole and not after.faults
    assert after.value == {**before.value, "top": {**before.value["top"], "new": {"y": 2}}}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("films")) as made:
        made.write({"stack.yaml": HEAD + BLOCK.replace("%s\n", "") + TAIL})
        assert made.apply().code == 0
        yield made


def test_a_search_becomes_a_check_that_passes(films: Place) -> None:
    file = films.directory / "stack.yaml"
    before = file.read_text()
    said = films.run("search", "indexes/catalog", "the goal", "--expect", "assets/final", "--add-to", "checks/goals")
    assert said.code == 0, said
    assert said.err == "checks/goals has a query the-goal now, in stack.yaml.\n"
    added = '      the-goal: {text: "the goal", expect: ["assets/final"]}\n'
    assert file.read_text().replace(added, "") == before
    assert "the-goal  found 1 of 1; final" in films.run("check").out


def test_what_is_wrong_is_told_before_anything_is_asked_or_written(films: Place) -> None:
    file = films.directory / "stack.yaml"
    before, sent = file.read_text(), len(films.writes())
    for wrong, told in (
        (("--expect", "fnal", "--add-to", "goals"), 'did you mean "final"'),
        (("--expect", "final"), "give both"),
        (("--expect", "final", "--add-to", "golas"), "there is no check golas"),
        (("--expect", "final", "--add-to", "goals", "--option", "audo"), 'did you mean "audio"'),
    ):
        said = films.run("search", "indexes/catalog", "goal", *wrong)
        assert said.code == 1 and told in said.err, said
    assert (file.read_text(), len(films.writes())) == (before, sent)
