"""publish: what a run came to, told where a team reads it; and the plan of a pull request, found again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.outputs import write_file
from reconciler.cli.telling import Telling, failed, reporting
from reconciler.errors import Forbidden, NotFound, ReconcilerError
from reconciler.frozen import dataclass

if TYPE_CHECKING:
    from reconciler.publishing import Message, RunTold

__all__ = ["fetch_plan", "publish"]

LABEL = click.option("--label", metavar="LABEL", help="Which of several stacks it is [the path of the stack].")


@dataclass(frozen=True)
class _Errand:
    """What one command is to tell, and how."""

    told: RunTold
    message: Message
    when: str
    issue_labels: tuple[str, ...]
    assignees: tuple[str, ...]

    @property
    def worth_saying(self) -> bool:
        return not self.told.in_sync


def _comment(asked: _Errand) -> str:
    from reconciler.publishing.comments import When, comment
    from reconciler.publishing.places import GitHubRun

    return comment(GitHubRun.here(), asked.message, when=When(asked.when), worth_saying=asked.worth_saying)


def _issue(asked: _Errand) -> str:
    from reconciler.publishing.issues import drift_issue
    from reconciler.publishing.places import GitHubRun

    run = GitHubRun.here()
    return drift_issue(run, asked.told, asked.message, labels=asked.issue_labels, assignees=asked.assignees)


def _note(asked: _Errand) -> str:
    from reconciler.publishing.comments import When, note
    from reconciler.publishing.places import GitLabRun

    return note(GitLabRun.here(), asked.message, when=When(asked.when), worth_saying=asked.worth_saying)


def _summary(asked: _Errand) -> str:
    from reconciler.publishing.runner import appended, size_of, summary

    name = "GITHUB_STEP_SUMMARY"
    appended(os.environ, name, summary(asked.message, size_of(os.environ.get(name))))
    return "the summary of the step"


def _annotations(asked: _Errand) -> str:
    from reconciler.publishing.runner import annotation_lines

    lines = annotation_lines(asked.told)
    for line in lines:
        click.echo(line)
    return f"{len(lines)} annotations"


def _outputs(asked: _Errand) -> str:
    from reconciler.publishing.plans import artifact_of
    from reconciler.publishing.runner import appended, outputs, written_outputs

    said = {**outputs(asked.told), "artifact-name": artifact_of(asked.message.label)}
    appended(os.environ, "GITHUB_OUTPUT", written_outputs(said))
    return "outputs of the step"


WAYS: Mapping[str, Callable[[_Errand], str]] = {
    "github-comment": _comment,
    "github-issue": _issue,
    "github-summary": _summary,
    "github-annotations": _annotations,
    "github-outputs": _outputs,
    "gitlab-note": _note,
}
URLS = {"github-comment": "comment-url", "github-issue": "issue-url"}
"""Of what an address is kept as an output, where there are outputs."""


@click.command()
@click.argument("result", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--to", "ways", type=click.Choice([*WAYS]), multiple=True, required=True, help="Where; may be repeated.")
@LABEL
@click.option(
    "--when",
    type=click.Choice(["always", "changes", "new"]),
    default="always",
    show_default=True,
    help="Comments: always, only when there is something to say, or a new one for each run.",
)
@click.option(
    "--body",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The Markdown report of the same run [RESULT with the end .md].",
)
@click.option("--issue-label", "issue_labels", metavar="NAME", multiple=True, help="Give a new issue this label.")
@click.option("--assignee", "assignees", metavar="LOGIN", multiple=True, help="Assign a new issue to them.")
def publish(
    result: Path,
    ways: tuple[str, ...],
    label: str | None,
    when: str,
    body: Path | None,
    issue_labels: tuple[str, ...],
    assignees: tuple[str, ...],
) -> int:
    """Tell what a run came to, where a team reads it.

    \b
    reconciler plan --report json=result.json --report md=result.md
    reconciler publish result.json --to github-comment --to github-summary --to github-annotations
    reconciler drift --report json=result.json --report md=result.md
    reconciler publish result.json --to github-issue --issue-label drift

    A comment is written once for each label and edited from then on; errors and refusals replace it too. An issue is
    opened when there is drift, and closed when there is none. Tokens come from the environment (GITHUB_TOKEN,
    GITLAB_TOKEN). What the token may not write is a warning, and no error.
    """
    asked = _asked(result, label, when, body, issue_labels, assignees)
    failed = False
    for way in ways:
        try:
            where = WAYS[way](asked)
        except (Forbidden, NotFound) as error:  # the token of a fork's pull request may only read
            click.echo(f"Warning: {way}: the token may not write there ({error})", err=True)
        except ReconcilerError as error:
            click.echo(f"Error: {way}: {error}", err=True)
            failed = True
        else:
            _kept(way, where)
            click.echo(f"{way}: {where or 'nothing to tell there'}", err=True)
    return 1 if failed else 0


def _asked(
    result: Path,
    label: str | None,
    when: str,
    body: Path | None,
    issue_labels: tuple[str, ...],
    assignees: tuple[str, ...],
) -> _Errand:
    from reconciler.publishing import Message, read_told
    from reconciler.publishing.places import run_of

    told = read_told(result)
    run, page = run_of(os.environ)
    facts = {"path": told.path, "run": run} if page else {"path": told.path}
    footer = f"_By {page}._" if page else ""
    message = Message("comment", label or told.path, _text(told, body or result.with_suffix(".md")), facts, footer)
    return _Errand(told, message, when, issue_labels, assignees)


def _text(told: RunTold, file: Path) -> str:
    """The Markdown of the run; of one that left none, what its result says in a line for each."""
    from reconciler.redact import plain

    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if told.kind != "error":
            what = f"{file} is not there: let the run write it (--report md={file}), or name another with --body"
            raise ReconcilerError(what) from None
    lines = [plain(str(it.get("summary"))).replace("`", "'") for it in told.diagnostics]
    return "\n".join(["### No result", "", f"**Failed: {plain(told.reason)}.**", "", "```", *lines, "```"])


def _kept(way: str, where: str) -> None:
    from reconciler.publishing.runner import appended, written_outputs

    if way in URLS and where and os.environ.get("GITHUB_OUTPUT"):
        appended(os.environ, "GITHUB_OUTPUT", written_outputs({URLS[way]: where}))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--label", metavar="LABEL", default=".", show_default=True, help="As it was given to `publish`.")
@reporting
def fetch_plan(file: Path, label: str, **options: Any) -> int:
    """Fetch the plan that was saved for the pull request which has just been merged.

    \b
    reconciler fetch-plan plan.json --label stacks/archive
    reconciler apply plan.json

    For a step of GitHub Actions on a push: the commit's pull request, the last run of its branch, the plan that this
    run kept. Plans of forks are not taken. Exits with 3 when there is none.
    """
    from reconciler.publishing.places import GitHubRun
    from reconciler.publishing.plans import plan_of_merge

    try:
        data = plan_of_merge(GitHubRun.here(), label)
    except ReconcilerError as error:  # whoever merged reads why nothing is applied in the comment
        Telling.of(Path(), options).write(failed(error, Path()))
        raise
    write_file(file, data.decode("utf-8", errors="replace"), private=True)
    click.echo(f"The plan is in {file}.", err=True)
    return 0
