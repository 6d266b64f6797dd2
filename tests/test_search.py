"""How an index is searched through the provider, against the emulator over a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from reconciler.errors import Rejected
from reconciler.http import Http, SystemClock
from reconciler.kinds import Kinds
from reconciler.provider import Hands, Image, Question, Search, provider
from reconciler.providers.twelvelabs.search import IndexSearch
from tests.support.served import KEY, Place, place

T = TypeVar("T")
URL = "https://media.example.com"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000800000008008020000004c5cf69c") + b"lebron"
STACK = f"""\
stack: films
provider: twelvelabs
assets:
  dunks: {{url: "{URL}/lebron_dunks.mp4"}}
  talk: {{url: "{URL}/talk.mp4"}}
indexes:
  catalog:
    models: [{{name: marengo3.0}}]
    assets:
      dunks: {{metadata: {{season: 2024}}}}
      talk: {{metadata: {{season: 2023}}}}
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("films")) as made:
        made.write({"stack.yaml": STACK})
        assert made.apply().code == 0
        yield made


def asked(films: Place, what: Callable[[Search, Question], Awaitable[T]]) -> T:
    async def run() -> T:
        chosen = provider("twelvelabs")
        index = films.objects("/indexes")[0]["_id"]
        clock = SystemClock()
        async with Http(films.served.url, headers=chosen.access.headers(KEY), clock=clock) as http:
            assert chosen.searches is not None
            search = chosen.searches(Hands(http, None, clock, Path()))  # type: ignore[arg-type]  # sends no file
            return await what(search, Question(index, options=("visual",)))

    return asyncio.run(run())


def by_name(films: Place) -> dict[str, str]:
    """id → file name, of what is in the index."""
    index = films.objects("/indexes")[0]["_id"]
    return {row["_id"]: row["system_metadata"]["filename"] for row in films.objects(f"/indexes/{index}/indexed-assets")}


def test_words_find_clips_with_times_and_pages_go_on_by_their_token(films: Place) -> None:
    async def what(search: Search, question: Question) -> tuple[list[str], int | None, int]:
        question = replace(question, text="LeBron dunks", page_size=2)
        found = await search.ask(question)
        clips, pages = [row[0] for row in found.rows], 1
        while found.next:
            found = await search.more(found.next, question)
            clips += [row[0] for row in found.rows]
            pages += 1
        assert all(clip.end > clip.start for clip in clips)
        return [clip.id for clip in clips], found.total, pages

    ids, total, pages = asked(films, what)
    assert by_name(films)[ids[0]] == "lebron_dunks.mp4"
    assert len(ids) == total
    assert pages == -(-len(ids) // 2) > 1
    sent = [it for it in films.writes() if it == "POST /search"]
    assert len(sent) == 1, "pages are read, and a search is billed once"


def test_a_filter_metadata_and_groups(films: Place) -> None:
    async def what(search: Search, question: Question) -> list[tuple[str, object, int]]:
        found = await search.ask(
            replace(question, text="anything", filter={"season": 2023}, with_metadata=True, grouped=True)
        )
        return [(row[0].id, row[0].metadata.get("season"), len(row)) for row in found.rows]

    rows = asked(films, what)
    assert [(by_name(films)[id], season) for id, season, _ in rows] == [("talk.mp4", 2023)]
    assert rows[0][2] >= 1


def test_pictures_by_url_and_by_their_bytes(films: Place) -> None:
    png = PNG

    async def what(search: Search, question: Question) -> list[int]:
        by_url = await search.ask(replace(question, images=(Image(url=f"{URL}/lebron.png"),)))
        by_bytes = await search.ask(
            replace(question, images=(Image(name="a.png", data=png), Image(name="b.png", data=png)), text="dunks")
        )
        return [len(by_url.rows), len(by_bytes.rows)]

    assert all(count > 0 for count in asked(films, what))


def test_what_the_api_refuses_is_said(films: Place) -> None:
    async def what(search: Search, question: Question) -> None:
        await search.ask(replace(question, text="dunks", filter={"season": {"around": 2024}}))

    with pytest.raises(Rejected, match="season must be"):
        asked(films, what)


def test_what_a_provider_says_of_its_search_fits_its_kinds() -> None:
    kinds = Kinds([*provider("twelvelabs").kinds])
    assert IndexSearch.kind in kinds and IndexSearch.mentions in kinds
    assert IndexSearch.kind.parent is not None


class TestCommand:
    def test_a_line_a_clip_with_the_names_of_the_stack(self, films: Place) -> None:
        said = films.run("search", "indexes/catalog", "LeBron dunks", "--limit", "2", "--metadata")
        assert said.code == 0, said.err
        lines = said.out.splitlines()
        assert re.match(r"  1  dunks  \d+:\d\d-\d+:\d\d", lines[0]), said.out
        assert lines[1] == '     {"season": 2024}'

    def test_json_has_addresses_and_ids(self, films: Place) -> None:
        said = films.run("search", "indexes/catalog", "anything", "--filter", "season=2023", "--format", "json")
        rows = json.loads(said.out)
        assert {row[0]["address"] for row in rows} == {"indexes/catalog/assets/talk"}
        assert {row[0]["id"] for row in rows} == {id for id, name in by_name(films).items() if name == "talk.mp4"}

    @pytest.mark.parametrize(
        ("args", "told"),
        [
            (["indexes/catalogue", "x"], "indexes/catalogue is nothing to search here; there are: indexes/catalog"),
            (["assets/talk", "x"], "assets/talk is nothing to search here; there are: indexes/catalog"),
            (["indexes/catalog"], "a search needs a text or an image"),
            (["indexes/catalog", "x", "--option", "smell"], "smell cannot be searched"),
            (
                ["indexes/catalog", "<@players/lebron>"],
                "the stack declares no entity_collections/players/entities/lebron",
            ),
            (
                ["indexes/catalog", "--image", "kit.png"],
                "kit.png is neither a URL nor an address of the stack, and no file",
            ),
            (["indexes/catalog", "--image", "../kit.png"], "../kit.png is neither a URL"),
            (
                ["indexes/catalog", "x", "--with", "speed=1"],
                "speed: a search says nothing of that name; it may say: thr",
            ),
            (["indexes/catalog", "x", "--with", "threshold=some"], "expected high or medium or low or none, got some"),
            (["indexes/catalog", "x", "--with", "adjust_confidence_level=much"], "expected a number, got much"),
            (
                ["indexes/catalog", "x", "--expect", "talk", "--add-to", "c", "--with", "threshold=low"],
                "for looking only",
            ),
            (["indexes/catalog", "x", "--filter", "season"], "write it as KEY=VALUE, or as JSON"),
            (["indexes/catalog", "x", "--filter", "{season"], "is not JSON"),
        ],
    )
    def test_what_is_wrong_is_said_before_anything_is_sent(self, films: Place, args: list[str], told: str) -> None:
        before = len(films.writes())
        said = films.run("search", *args)
        assert said.code in (1, 2)
        assert told in " ".join(said.err.split())
        assert len(films.writes()) == before

    def test_without_a_state_what_is_whose_is_found_out(self, films: Place) -> None:
        state = films.directory / ".reconciler"
        state.rename(films.directory / "away")
        try:
            said = films.run("search", "indexes/catalog", "LeBron dunks", "--limit", "1")
        finally:
            (films.directory / "away").rename(state)
        assert "dunks" in said.out, said.err

    def test_all_that_a_question_can_say_is_sent(self, films: Place) -> None:
        (films.directory / "like.png").write_bytes(PNG)
        pictures = ["--image", "like.png", "--image", f"{URL}/a.png"]
        ways = ["--option", "visual", "--option", "transcription", "--operator", "or", "--spoken", "lexical"]
        shown = ["--group", "--metadata", "--limit", "3", "--format", "json"]
        wanted = ["--filter", '{"duration": {"gte": 1}}']
        said = films.run("search", "indexes/catalog", "dunks", *pictures, *ways, *wanted, *shown)
        assert said.code == 0, said
        assert said.json and all(len({clip["id"] for clip in row}) == 1 for row in said.json)
        assert {json.dumps(row[0]["metadata"]) for row in said.json} <= {'{"season": 2024}', '{"season": 2023}'}

    def test_an_account_of_2024_is_searched_by_what_its_models_know_and_in_its_own_words(self, tmp_path: Path) -> None:
        with place(tmp_path, vintage="2024-11") as old:
            index = "indexes: {catalog: {models: [{name: marengo2.7}]}}\n"  # there are no assets on such an account
            old.write({"stack.yaml": f"stack: old\nprovider: twelvelabs\n{index}"})
            assert old.apply().code == 0
            sent = {"index_id": (None, old.objects("/indexes")[0]["_id"]), "video_url": (None, f"{URL}/dunks.mp4")}
            assert old.api.post("/tasks", files=sent).is_success
            words = ("threshold=low", "sort_option=clip_count", "adjust_confidence_level=0.5")
            besides = [it for word in words for it in ("--with", word)]
            said = old.run("search", "indexes/catalog", "LeBron dunks", "--group", *besides)
            assert said.code == 0, said
            unknown = old.run("search", "indexes/catalog", "x", "--option", "transcription")
            assert "search_option_not_supported" in unknown.err
