"""Build the site of the documentation: `make docs-site`. Warnings fail, and so does every link that leads nowhere.

Only Markdown is taken, as it is. What is built asks no other host for anything: no font, no script, no picture.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent
NAV: dict[str, str | dict[str, str]] = {
    "Start": "index.md",
    "Tutorial": "tutorial.md",
    "Concepts": {
        "Ownership and identity": "concepts/ownership.md",
        "Drift and pending": "concepts/drift.md",
        "State": "concepts/state.md",
    },
    "How to": {
        "Environments": "how-to/environments.md",
        "CI on GitHub and GitLab": "how-to/ci.md",
        "Jobs that do not wait for hours": "how-to/long-jobs.md",
        "A team on PostgreSQL": "how-to/teams.md",
        "Adopt an account": "how-to/adopt.md",
        "Rename": "how-to/rename.md",
        "Many files": "how-to/many-files.md",
        "Secrets": "how-to/secrets.md",
        "Large uploads": "how-to/large-uploads.md",
        "Cost": "how-to/cost.md",
        "Keep watch": "how-to/watch.md",
    },
    "Reference": {
        "Grammar": "reference/grammar.md",
        "Kinds": "reference/kinds.md",
        "Commands": "reference/cli.md",
        "Exit codes": "reference/exit-codes.md",
        "Formats": "reference/formats.md",
    },
    "Troubleshooting": "troubleshooting.md",
    "Coming from …": "coming-from.md",
}
REST = "In depth"
"""Where every other page of the folder stands, under its own title."""


def navigation(docs: Path) -> list[dict[str, object]]:
    """The pages by section; those that nobody has put anywhere come last, so that none is lost."""
    placed = {page for value in NAV.values() for page in ([value] if isinstance(value, str) else value.values())}
    found = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    if missing := placed - found:
        sys.exit(f"the navigation names pages that are not there: {', '.join(sorted(missing))}")
    made: list[dict[str, object]] = [
        {title: value if isinstance(value, str) else [{name: page} for name, page in value.items()]}
        for title, value in NAV.items()
    ]
    rest = sorted(found - placed - {page for page in found if page.startswith("decisions/")})
    decisions = sorted(page for page in found if page.startswith("decisions/"))
    made.append({REST: [{_title(docs / page): page} for page in rest]})
    made.append({"Decisions": [{_title(docs / page): page} for page in decisions]})
    return made


def _title(page: Path) -> str:
    return re.findall(r"^# (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]


def build(into: Path) -> Path:
    """The site below a directory; exits with what is wrong."""
    import yaml

    shutil.rmtree(into, ignore_errors=True)
    pages, site = into / "pages", into / "site"
    shutil.copytree(CHECKOUT / "docs", pages, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in pages.rglob("*.md"):
        page.write_text(within(page.read_text(encoding="utf-8"), page, pages), encoding="utf-8")
    config = {
        "site_name": "reconciler",
        "docs_dir": "pages",
        "site_dir": "site",
        "use_directory_urls": False,
        "theme": {"name": "material", "font": False, "language": "en"},
        "markdown_extensions": ["tables", "fenced_code", {"toc": {"permalink": True}}],
        "nav": navigation(pages),
    }
    (into / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    said = done.stdout + done.stderr
    if done.returncode or "warning" in said.lower():
        sys.exit(said)
    if wrong := sorted(problems(site)):
        sys.exit("\n".join(wrong))
    return site


def within(text: str, page: Path, pages: Path) -> str:
    """The text with links that leave the folder as what they say: examples and code are in the repository."""

    def fitted(match: re.Match[str]) -> str:
        target = (page.parent / match[2].partition("#")[0]).resolve()
        inside = "://" in match[2] or target.is_relative_to(pages.resolve())
        return match[0] if inside else match[1]

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)", fitted, text)


class _Page(HTMLParser):
    """Links, what is fetched, and the names that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in given:
            self.fetched.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "preload", "icon"):
            self.fetched.append(given.get("href", ""))


def problems(site: Path) -> Iterator[str]:
    """Links that lead nowhere, and what a page would fetch from elsewhere."""
    pages = {file.resolve(): _Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        for link in page.links:
            if not _leads(link, file, site, pages):
                yield f"{name}: {link} leads nowhere"
        for source in page.fetched:
            if urlsplit(source).netloc:
                yield f"{name}: fetches {source}"


def _leads(link: str, file: Path, site: Path, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    path = unquote(parts.path)
    target = (site / path.lstrip("/") if path.startswith("/") else file.parent / path).resolve() if path else file
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].names


if __name__ == "__main__":
    made = build(CHECKOUT / "build/docs")
    sys.stdout.write(f"{len(list(made.rglob('*.html')))} pages in {made.relative_to(CHECKOUT)}\n")
