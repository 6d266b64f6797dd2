"""Secrets planted wherever one can be: none is in any byte that any command writes, in any format and spelling."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.commandline import Said, reconciler
from tests.support.served import KEY, Place, place
from tests.test_redact import SPELLINGS

OLD, NEW, PROXY = 'old-s3cr3t/"é&+<1>', 'new-s3cr3t/"é&+<2>', "pr0xy-p4ss"
PLANTED = (OLD, NEW, KEY, PROXY)
WHOLE = [how for how in SPELLINGS if not how.startswith("cut off")]

STACK = """
stack: sports
provider: twelvelabs
assets:
  clip:
    url: "https://media.example.com/${env.RECONCILER_VAR_PATH}/clip.mp4"
    metadata:
      token: "${env.RECONCILER_VAR_TOKEN}"
      both: "a ${env.RECONCILER_VAR_TOKEN} b"
      list: ["${env.RECONCILER_VAR_TOKEN}", x]
  face: {file: face.jpg, filename: "${env.RECONCILER_VAR_TOKEN}.jpg"}
indexes:
  catalog: {name: "c ${env.RECONCILER_VAR_TOKEN}", models: [{name: marengo3.0}]}
entity_collections:
  players:
    name: "p ${env.RECONCILER_VAR_TOKEN}"
    description: "d ${env.RECONCILER_VAR_TOKEN}"
    entities:
      lebron: {name: "e ${env.RECONCILER_VAR_TOKEN}", assets: [face], metadata: {token: "${env.RECONCILER_VAR_TOKEN}"}}
"""
WITHOUT = """
stack: sports
provider: twelvelabs
assets:
  clip: {url: "https://media.example.com/clip.mp4", metadata: {other: 1}}
  face: {file: face.jpg}
indexes: {catalog: {name: catalog, models: [{name: marengo3.0}]}}
entity_collections: {players: {name: players, entities: {lebron: {name: LeBron, assets: [face]}}}}
"""


def leaks(text: str) -> list[str]:
    """Which secret stands in it, and how it is written."""
    return [
        f"{secret}: {how}"
        for secret in PLANTED
        for how in WHOLE
        if len(form := SPELLINGS[how](secret)) and form.strip("\"'") in text
    ]


class Watched:
    """Runs commands in a place, and reads all that they leave behind."""

    def __init__(self, here: Place) -> None:
        self.here = here
        self.found: list[str] = []

    def run(self, *args: str, token: str | None = OLD, code: int | None = None, url: str = "") -> Said:
        env = {"HTTPS_PROXY": f"http://user:{PROXY}@127.0.0.1:9", "XDG_CACHE_HOME": str(self.here.directory / "cache")}
        if token is not None:
            env |= {"RECONCILER_VAR_TOKEN": token, "RECONCILER_VAR_PATH": token}
        offline = args[0] in ("show", "graph", "validate") or args[:2] in (("state", "list"), ("state", "show"))
        online = () if offline else ("--endpoint", url or self.here.served.url, "--poll-interval", "0")
        env |= {"TWELVELABS_API_KEY": KEY, "NO_COLOR": "1"}
        said = reconciler(*args, *online, cwd=self.here.directory, env=env)
        assert code is None or said.code == code, said
        self.see(f"[{token}] " + " ".join(args), said.out + said.err)
        return said

    def see(self, what: str, text: str) -> None:
        self.found += [f"{what}: {leak}" for leak in leaks(text)]

    def see_files(self) -> None:
        for file in self.here.directory.rglob("*"):
            if file.is_file() and file.name not in ("stack.yaml", "face.jpg"):
                self.see(str(file.relative_to(self.here.directory)), file.read_bytes().decode(errors="replace"))


def everything(watch: Watched, token: str | None) -> None:
    """Each command that reads, in each of its formats."""
    watch.run("validate", token=token)
    for form in ("text", "json", "markdown", "html"):
        watch.run("plan", "--format", form, "--allow-replace", "*", token=token)
    watch.run("plan", "-v", "--whole", token=token)
    watch.run("plan", "-o", "plan.json", "--allow-replace", "*", token=token)
    for form in ("text", "json"):
        watch.run("show", "plan.json", "--format", form, token=token)
    for form in ("text", "json", "markdown", "html", "junit", "sarif"):
        watch.run("drift", "--unmanaged", "--format", form, token=token)
    watch.run("graph", token=token)
    watch.run("state", "list", token=token)
    for address in ("assets/clip", "entity_collections/players"):
        watch.run("state", "show", address, token=token)
    watch.see_files()


@contextmanager
def echoing(said: str) -> Iterator[str]:
    """An API whose lists are empty, and which refuses all else with these words, in its body and its headers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def answer(self, status: int, body: Mapping[str, Any]) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            info = {"page": 1, "limit_per_page": 50, "total_page": 0, "total_results": 0}
            self.answer(200, {"data": [], "page_info": info})

        def do_POST(self) -> None:
            self.answer(400, {"code": "parameter_invalid", "message": f"cannot take {said}, sorry"})

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1.3"
        server.shutdown()
        thread.join()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watched]:
    with place(tmp_path) as here:
        here.write({"stack.yaml": STACK, "face.jpg": b"j" * 40})
        yield Watched(here)


def test_no_secret_is_in_any_byte(watch: Watched) -> None:
    here = watch.here
    for form in ("text", "json", "markdown", "html"):
        watch.run("plan", "--whole", "--format", form)
    watch.run("plan", "-o", "plan.json")
    watch.run("apply", "--auto-approve", "--json-events", "events.jsonl", "-v", code=0)
    # Others have it too: in fields of ours that had none, and in objects of their own.
    (clip,) = (asset for asset in here.objects("/assets") if asset["filename"] == "clip.mp4")
    here.api.patch(f"/assets/{clip['_id']}/user-metadata", json={"user_metadata": {"other": f"x {OLD}", OLD: "key"}})
    here.api.post("/entity-collections", json={"name": f"theirs {OLD}", "description": OLD})
    everything(watch, OLD)
    here.api.patch(f"/assets/{clip['_id']}/user-metadata", json={"user_metadata": {"other": None, OLD: None}})
    (theirs,) = (it for it in here.objects("/entity-collections") if it["name"].startswith("theirs"))
    here.api.delete(f"/entity-collections/{theirs['_id']}")
    for token in (NEW, None):  # with another value, and no longer there
        everything(watch, token)
    here.write({"stack.yaml": WITHOUT})
    everything(watch, None)
    assert "\n".join(watch.found) == ""


@pytest.mark.parametrize(
    "how", ["as it is", "JSON in JSON", "URL, small letters", "base64 in a longer text", "over two lines"]
)
def test_no_secret_that_an_answer_echoes_is_in_any_byte(watch: Watched, how: str) -> None:
    with echoing(f"{SPELLINGS[how](OLD)} of {SPELLINGS[how](KEY)} by {SPELLINGS[how](PROXY)}") as url:
        said = watch.run("apply", "--auto-approve", "--json-events", "events.jsonl", url=url)

    watch.see_files()
    assert said.code == 1
    assert "parameter_invalid" in said.out + said.err + (watch.here.directory / "events.jsonl").read_text()
    assert "\n".join(watch.found) == ""


def test_no_secret_is_in_what_is_made_anew_of_an_account(watch: Watched) -> None:
    """Of what was applied nothing is left but the objects themselves."""
    watch.run("apply", "--auto-approve", code=0)
    (watch.here.directory / ".reconciler" / "state.db").unlink()
    watch.run("drift")
    (clip,) = (asset for asset in watch.here.objects("/assets") if asset["filename"] == "clip.mp4")
    watch.here.api.patch(f"/assets/{clip['_id']}/user-metadata", json={"user_metadata": {"other": f"x {OLD}"}})
    watch.run("state", "rebuild", code=0)
    watch.see_files()
    watch.run("plan", "--adopt", code=0)
    watch.run("state", "show", "assets/clip", code=0)
    watch.run("apply", "--auto-approve", "--adopt", code=0)
    watch.run("destroy", "--auto-approve")
    watch.see_files()
    assert "\n".join(watch.found) == ""


TOKEN = """
stack: s
provider: twelvelabs
assets: {a: {url: "https://x.example.com/a.mp4", metadata: {token: "${env.RECONCILER_VAR_TOKEN}"}}}
"""


def token_by_hand(watch: Watched, value: str) -> None:
    (asset,) = watch.here.objects("/assets")
    watch.here.api.patch(f"/assets/{asset['_id']}/user-metadata", json={"user_metadata": {"token": value}})


def test_a_variable_with_another_value_is_pending_and_not_drift(watch: Watched) -> None:
    watch.here.write({"stack.yaml": TOKEN})
    watch.run("apply", "--auto-approve", code=0)

    assert watch.run("drift", token=NEW).last_line == "No drift. s is as it was last applied."
    (change,) = watch.run("plan", "--format", "json", token=NEW).json["changes"]
    assert [(it["path"], it["source"]) for it in change["deltas"]] == [("metadata.token", "pending")]
    assert change["deltas"][0]["before"] == {"$env": "(not shown)"}
    token_by_hand(watch, "by hand")
    (change,) = watch.run("drift", "--format", "json", token=NEW).json["drift"]
    assert change["deltas"][0] | {"source": ""} == {
        "path": "metadata.token",
        "before": {"$env": "${env.RECONCILER_VAR_TOKEN}"},
        "after": {"$env": "(not shown)"},
        "source": "",
    }
    assert watch.run("plan", "--format", "json", token=NEW).json["changes"][0]["deltas"][0]["source"] == "both"


def test_a_secret_that_is_declared_no_more_is_known_to_be_as_it_was_applied(watch: Watched) -> None:
    watch.here.write({"stack.yaml": TOKEN})
    watch.run("apply", "--auto-approve", code=0)
    watch.here.write({"stack.yaml": TOKEN.replace(', metadata: {token: "${env.RECONCILER_VAR_TOKEN}"}', "")})

    watch.run("drift", token=None, code=0)
    token_by_hand(watch, "by hand")
    watch.run("drift", token=None, code=2)


def test_what_was_ignored_is_not_taken_for_applied(watch: Watched) -> None:
    fields = 'url: "https://x.example.com/a.mp4", metadata: {rating: 1, v: 1}'
    stack = f"stack: s\nprovider: twelvelabs\nassets: {{a: {{{fields}, ignore: [metadata.rating]}}}}\n"
    watch.here.write({"stack.yaml": stack})
    watch.run("apply", "--auto-approve", code=0)
    for rating, v in ((2, 2), (3, 2)):  # with another change, and alone
        watch.here.write({"stack.yaml": stack.replace("rating: 1, v: 1", f"rating: {rating}, v: {v}")})
        watch.run("apply", "--auto-approve", code=0)
    watch.here.write({"stack.yaml": stack.replace(", ignore: [metadata.rating]", "").replace("1, v: 1", "3, v: 2")})

    watch.run("drift", code=0)
    (change,) = watch.run("plan", "--format", "json").json["changes"]
    assert [(it["path"], it["before"], it["after"], it["source"]) for it in change["deltas"]] == [
        ("metadata.rating", 1, 3, "pending")
    ]


def test_drift_without_a_state_compares_with_what_is_declared_and_says_so(watch: Watched) -> None:
    watch.here.write({"stack.yaml": TOKEN})
    watch.run("apply", "--auto-approve", code=0)
    (watch.here.directory / ".reconciler" / "state.db").unlink()
    for form in ("text", "json", "markdown", "html", "junit", "sarif"):
        said = watch.run("drift", "--format", form, code=0)
        assert "declared" in said.out
        assert "No drift" not in said.out
    token_by_hand(watch, "by hand")
    assert watch.run("drift", "--format", "json", code=2).json["baseline"] == "declared"


def test_what_only_looks_like_a_secret_is_what_it_was(watch: Watched) -> None:
    """A value of the environment that is a common word hides in what is shown, and changes nothing that is decided."""
    watch.here.write(
        {
            "stack.yaml": """
stack: s
provider: twelvelabs
assets:
  production-face: {file: face.jpg, metadata: {stage: "${env.RECONCILER_VAR_TOKEN}", of: production}}
entity_collections: {production: {name: in production, entities: {e: {assets: [production-face]}}}}
"""
        }
    )
    watch.run("apply", "--auto-approve", token="production", code=0)

    watch.run("drift", token="production", code=0)
    assert watch.run("plan", token="production").last_line == "No changes. s is in sync."
    assert watch.run("drift", "--format", "json", token="another-stage").json["drift"] == []
