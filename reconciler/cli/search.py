"""search: what an index finds, for people and for whoever writes a check from what one sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import online, project_at
from reconciler.cli.outputs import write_file
from reconciler.frozen import dataclass
from reconciler.redact import plain

if TYPE_CHECKING:
    from reconciler.model import Asked
    from reconciler.project import Project
    from reconciler.project.noting import Noted
    from reconciler.provider import Clip
    from reconciler.searching import Searching

__all__ = ["search"]

LIMIT = 10
Rows = list[tuple["Clip", ...]]


@dataclass(frozen=True, slots=True)
class _Answer:
    searching: Searching
    rows: Rows


@click.command()
@click.argument("index")
@click.argument("text", default="")
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--image", "images", metavar="NAME|URL|FILE", multiple=True, help="Also, or only, by this picture.")
@click.option("--option", "options", metavar="NAME", multiple=True, help="What of the media [all that the index has].")
@click.option("--operator", type=click.Choice(["or", "and"]), help="Between options [or].")
@click.option("--spoken", type=click.Choice(["lexical", "semantic"]), multiple=True, help="How speech is compared.")
@click.option("--filter", "filters", metavar="KEY=VALUE|JSON", multiple=True, help="Only of what has this metadata.")
@click.option("--with", "besides", metavar="WORD=VALUE", multiple=True, help="What only some versions of the API take.")
@click.option("--group", is_flag=True, help="All clips of what they are of together.")
@click.option("--metadata", is_flag=True, help="Show the metadata of what is found.")
@click.option("--limit", type=click.IntRange(1, 1000), default=LIMIT, show_default=True, help="So many at most.")
@click.option("--expect", metavar="NAME[@FROM-TO][#GRADE]", multiple=True, help="With --add-to: what should be found.")
@click.option("--add-to", metavar="CHECK", help="Write this query into a check of the stack's YAML.")
@click.option("--as", "called", metavar="NAME", default="", help="What the query is called there [after its text].")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@online
def search(index: str, text: str, path: Path, form: str, limit: int, **options: Any) -> int:
    """Search INDEX for TEXT: assets by their names in the stack, with times, best first.

    A text names an entity as <@COLLECTION/NAME>. Each search is billed by the platform; its further pages are not.

    \b
    reconciler search indexes/catalog "goal in the last minutes"
    reconciler search indexes/catalog --image assets/kit --filter season=2024
    reconciler search indexes/catalog "goal" --expect final@1:29:00-1:30:00 --add-to checks/goals
    """
    project = project_at(path, options)
    noting = _noted(project, index, text, options)
    answer = asyncio.run(_answer(project, index, _asked(text, options, noting), limit, options))
    if noting:
        write_file(noting.file, noting.text)
        click.echo(f"{noting.check.address} has a query {noting.query.name} now, in {noting.file}.", err=True)
    if form == "json":
        click.echo(json.dumps([[_json(answer, clip) for clip in row] for row in answer.rows], indent=2))
        return 0
    for line in _lines(answer):
        click.echo(line)
    return 0


def _asked(text: str, given: Mapping[str, Any], noting: Noted | None) -> Asked:
    """What is said; of a query that goes into a check, what that says for all of its own."""
    from reconciler.model import Asked

    if noting:
        return noting.query
    return Asked(
        text=text,
        images=given["images"],
        options=given["options"],
        every_option=given["operator"] == "and",
        spoken=given["spoken"],
        filter=_filter(given["filters"]),
    )


def _noted(project: Project, index: str, text: str, given: Mapping[str, Any]) -> Noted | None:
    """The query as it would stand in the check that it goes into: what is wrong with it is told before it is asked."""
    if bool(given["expect"]) != bool(given["add_to"]):
        raise click.UsageError("--expect says what should be found, and --add-to where that is written: give both")
    if not given["add_to"]:
        return None
    if given["besides"]:
        raise click.UsageError("--with is for looking only: a check asks what every version of the API takes")
    from reconciler.project.noting import check_called, noted

    check = check_called(project.stack, given["add_to"])
    if check.of != index:
        raise click.UsageError(f"{check.address} is of {check.of}, not of {index}")
    said = {"text": text, "images": given["images"], "options": given["options"], "operator": given["operator"]}
    said |= {"spoken": given["spoken"], "filter": _filter(given["filters"])}
    query = {word: value for word, value in said.items() if value}
    if len(given["images"]) == 1:
        query["image"] = query.pop("images")[0]
    return noted(project.path, project.options, project.stack, check, query, given["expect"], given["called"])


async def _answer(project: Project, index: str, asked: Asked, limit: int, given: Mapping[str, Any]) -> _Answer:
    async with project:
        searching = await project.searching()
        besides = dict(it.partition("=")[::2] for it in given["besides"])
        how = {"grouped": given["group"], "with_metadata": given["metadata"], "besides": besides}
        question = searching.question(index, asked, page_size=limit, **how)
        return _Answer(searching, [row async for row in searching.rows(question, limit)])


def _filter(given: Sequence[str]) -> dict[str, Any]:
    """`season=2024`, or the whole of it as JSON; a value is JSON if it can be, else text."""
    found: dict[str, Any] = {}
    for said in given:
        name, equals, value = said.partition("=")
        try:
            found |= json.loads(said) if said.lstrip().startswith("{") else {name: _value(value)}
        except ValueError as error:
            raise click.UsageError(f"--filter {said!r} is not JSON: {error}") from error
        if not equals and not said.lstrip().startswith("{"):
            raise click.UsageError(f"--filter {said!r}: write it as KEY=VALUE, or as JSON")
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(answer: _Answer, clip: Clip) -> dict[str, Any]:
    return {"address": answer.searching.member(clip).address, **asdict(clip)}


def _lines(answer: _Answer) -> list[str]:
    """A line a clip; of a group the name once."""
    from reconciler.reports.values import played

    lines = []
    width = max((len(answer.searching.member(row[0]).name) for row in answer.rows), default=0)
    for number, row in enumerate(answer.rows, 1):
        member = answer.searching.member(row[0])
        name = plain(member.name) + ("" if member.address else " (not of this stack)")
        for at, clip in enumerate(row):
            head = f"{number:>3}  {name:<{width}}" if at == 0 else " " * (width + 5)
            lines.append(f"{head}  {played(clip.start)}-{played(clip.end)}  {plain(clip.text)}".rstrip())
        if row[0].metadata:
            lines.append(f"{'':>5}{plain(json.dumps(row[0].metadata, sort_keys=True))}")
    return lines or ["Nothing was found."]
