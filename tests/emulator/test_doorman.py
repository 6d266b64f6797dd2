"""Who may use a served emulator, who may steer it, and what it reads of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.emulator import ServedEmulator
from reconciler.emulator.twelvelabs import app
from tests.emulator.conftest import KEY, Api, InProcess, Served
from tests.emulator.steps import collection, ready_asset

OTHERS = [
    {"host": "attacker.example"},
    {"host": "attacker.example:80"},
    {"host": "127.0.0.1.attacker.example"},
    {"host": "localhost.attacker.example"},
    {"host": ""},
    {"host": "[::1"},
    {"origin": "https://attacker.example"},
    {"origin": "http://127.0.0.1:1"},
    {"origin": "http://localhost"},
    {"origin": "null"},
]


@pytest.fixture(scope="module")
def served() -> Iterator[ServedEmulator]:
    with ServedEmulator(app()) as made:
        yield made


@pytest.mark.parametrize("headers", OTHERS, ids=str)
@pytest.mark.parametrize("path", ["/v1.3/assets", "/_emulator", "/_emulator/objects", "/_storage/x/1"])
def test_a_page_in_a_browser_gets_nothing(served: ServedEmulator, headers: dict[str, str], path: str) -> None:
    before = served.emulator.journal.total

    reply = httpx.get(served.origin + path, headers={**KEY, **headers}, trust_env=False)

    # A host that is no host at all is refused by the server before anybody is asked.
    assert reply.status_code == 403 or (reply.status_code == 400 and not reply.headers.get("x-api-version"))
    assert served.emulator.journal.total == before


def test_a_page_cannot_steer(served: ServedEmulator) -> None:
    """The plainest request that a page may send without asking first."""
    reply = httpx.post(
        f"{served.origin}/_emulator/reset",
        headers={"origin": "https://attacker.example", "content-type": "text/plain"},
        trust_env=False,
    )

    assert reply.status_code == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "192.168.1.7"])
def test_its_own_names_and_addresses_are_welcome(served: ServedEmulator, name: str) -> None:
    port = served.origin.rsplit(":", 1)[1]
    host = f"{name}:{port}"

    for more in ({}, {"origin": f"http://{host}"}):
        sent = {**KEY, "host": host, **more}
        assert httpx.get(served.url + "/assets", headers=sent, trust_env=False).status_code == 200


def test_steering_needs_the_key_when_there_is_one() -> None:
    strict = InProcess(app(key="secret"))
    steering = [
        ("GET", ""), ("GET", "/objects"), ("GET", "/requests"), ("POST", "/reset"), ("PATCH", "/options"),
        ("POST", "/faults"), ("POST", "/clock"), ("GET", "/nowhere"),
    ]  # fmt: skip

    for method, path in steering:
        for key in ("", "guess"):
            refused = strict(method, f"http://emulator/_emulator{path}", headers={"x-api-key": key})
            assert (refused.status_code, set(refused.json())) == (401, {"error"})
    allowed = strict("GET", "http://emulator/_emulator/objects", headers={"x-api-key": "secret"})
    assert allowed.json() == {"counts": {}}
    strict.close()
    strict.emulator.close()


def test_a_folder_of_this_machine_cannot_be_named_over_http(api: Api, tmp_path: Path) -> None:
    reply = api("PATCH", f"{api.origin}/_emulator/options", json={"transcripts": str(tmp_path), "retry_after": False})

    assert (reply.status_code, "when the emulator is started" in reply.json()["error"]) == (400, True)
    assert (api.emulator.options.transcripts, api.emulator.options.retry_after) == (None, True)


@pytest.mark.parametrize("name", ["../secret.mp4", "a/../../secret.mp4", "link.mp4", "..", "."])
def test_no_name_of_a_file_leads_out_of_the_folder_of_transcripts(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.mp4.json").write_text(json.dumps([{"start": 0, "end": 1, "value": "secret"}]))
    (inside / "link.mp4.json").symlink_to(tmp_path / "secret.mp4.json")
    api = InProcess(app(transcripts=str(inside)))
    asset = ready_asset(api, "film.mp4", filename=name)

    assert api("GET", f"/assets/{asset}/transcription").json() == {"status": "ready", "words": []}
    api.close()
    api.emulator.close()


def test_two_keys_are_two_accounts(tmp_path: Path) -> None:
    keys = {"one": "first", "two": "second", "three": "second"}
    emulator = app(tmp_path / "emulator.db", keys=keys)
    api = InProcess(emulator)
    ids = {}
    for key in keys:
        reply = api("POST", "/entity-collections", json={"name": key}, headers={"x-api-key": key})
        ids[key] = reply.json()["_id"]

    def seen(key: str) -> list[str]:
        rows = api("GET", "/entity-collections", headers={"x-api-key": key}).json()["data"]
        return sorted(row["name"] for row in rows)

    assert [seen(key) for key in keys] == [["one"], ["three", "two"], ["three", "two"]]
    assert len(set(ids.values())) == 3
    assert api("GET", "/assets", headers={"x-api-key": "four"}).status_code == 401
    steered = api("GET", "http://emulator/_emulator/objects?account=second", headers={"x-api-key": "one"})
    assert steered.json() == {"counts": {"entity_collection": 2}}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/entities"), ("PATCH", "")):
        theirs = f"/entity-collections/{ids['one']}{path}"
        reply = api(method, theirs, headers={"x-api-key": "two"}, **({"json": {}} if method == "PATCH" else {}))
        assert (reply.status_code, reply.json()["code"]) == (403, "read_not_allowed")
    api.close()
    emulator.close()
    assert sorted(path.name for path in tmp_path.glob("*.db")) == [
        "emulator.db",
        "emulator.first.db",
        "emulator.second.db",
    ]


def test_chunks_go_to_the_account_that_asked_for_their_addresses() -> None:
    emulator = app(keys={"one": "first"}, chunk_size=1000)
    with ServedEmulator(emulator) as served:
        api = Served(served)
        body = {"filename": "a.mp4", "type": "video", "total_size": 5}
        made = api("POST", "/assets/multipart-uploads", json=body, headers={"x-api-key": "one"}).json()

        sent = api("PUT", made["upload_urls"][0]["url"], content=b"12345", headers={"x-api-key": ""})

        assert sent.status_code == 200
        api.close()
    emulator.close()


def test_a_family_is_denied_to_one_key_only() -> None:
    emulator = app(keys={"one": "", "two": ""}, denied={"two": ["entity collections"]})
    api = InProcess(emulator)
    made = collection(_As(api, "one"))

    refused = api("GET", f"/entity-collections/{made}", headers={"x-api-key": "two"})

    assert (refused.status_code, refused.json()["code"]) == (404, "endpoint_not_exists")
    assert api("GET", "/assets", headers={"x-api-key": "two"}).status_code == 200
    api.close()
    emulator.close()


class _As:
    """The same client with one of the keys."""

    def __init__(self, api: InProcess, key: str) -> None:
        self.emulator, self.origin = api.emulator, api.origin
        self._api, self._key = api, key

    def __call__(self, method: str, path: str, **more: object) -> httpx.Response:
        return self._api(method, path, headers={"x-api-key": self._key}, **more)


@pytest.mark.parametrize("name", ["../x", "A", "a/b", "x" * 41])
def test_the_name_of_an_account_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of an account"):
        app(tmp_path / "emulator.db", keys={"key": name})
