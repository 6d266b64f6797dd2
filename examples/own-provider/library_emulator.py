"""A library to try the provider on, without one: what `--emulator` talks to, and what the tests serve.

It is as strict as an API should be, and as unhelpful as most are: ids are its own, lists tell no total, a create has no
key by which it could be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Object = dict[str, Any]
FIELDS = {"authors": ("name", "notes"), "shelves": ("name", "topic"), "books": ("title", "isbn", "keywords", "notes")}
UNIQUE = {"authors": "name", "shelves": "name"}
MOST_AT_ONCE = 5


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


@dataclass
class Store:
    """All objects, by uid, in the order in which they were made; kept in a file if it has one."""

    file: Path | None = None
    objects: dict[str, Object] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            self.count, self.objects = json.loads(self.file.read_text())

    def keep(self) -> None:
        if self.file:
            self.file.write_text(json.dumps([self.count, self.objects]))

    def all(self, kind: str, shelf: str | None = None) -> Iterator[Object]:
        return (it for it in self.objects.values() if it["_kind"] == kind and it.get("_shelf") == shelf)

    def get(self, kind: str, uid: str, shelf: str | None = None) -> Object:
        found = self.objects.get(uid)
        if found is None or found["_kind"] != kind or found.get("_shelf") != shelf:
            raise Refusal(404, f"there is no {uid}")
        return found

    def make(self, kind: str, body: Any, shelf: str | None = None) -> Object:
        given = body if isinstance(body, dict) else {}
        unknown = given.keys() - {*FIELDS[kind], "authors"}
        if not isinstance(body, dict) or unknown:
            raise Refusal(400, f"unknown: {', '.join(sorted(unknown)) or 'all of it'}")
        self.must_be_free(kind, given)
        self.count += 1
        made = {"uid": f"{kind[:3]}_{self.count:06}", "_kind": kind, "_shelf": shelf, "made": f"{self.count:06}"}
        made |= {"notes": {}} if "notes" in FIELDS[kind] else {}
        made |= {"state": "arriving", "keywords": [], "authors": []} if kind == "books" else {}
        for author in given.get("authors", ()):
            self.get("authors", author)
        self.objects[made["uid"]] = made | given
        return self.objects[made["uid"]]

    def must_be_free(self, kind: str, body: Mapping[str, Any], own: str = "") -> None:
        word = UNIQUE.get(kind)
        if word and any(it[word] == body.get(word) and it["uid"] != own for it in self.all(kind)):
            raise Refusal(409, f"there is a {kind} of that {word}")

    def change(self, found: Object, body: Mapping[str, Any]) -> None:
        self.must_be_free(found["_kind"], body, found["uid"])
        for name, value in body.items():
            if name == "notes":
                found["notes"] = {key: it for key, it in {**found["notes"], **value}.items() if it is not None}
            else:
                found[name] = value

    def delete(self, found: Object) -> None:
        """What stands on a shelf goes with it; an author is taken off all books without a word."""
        for other in list(self.objects.values()):
            if other["uid"] == found["uid"] or other.get("_shelf") == found["uid"]:
                del self.objects[other["uid"]]
            elif found["uid"] in other.get("authors", ()):
                other["authors"].remove(found["uid"])


def shown(it: Object) -> Object:
    """Without what is the server's own."""
    return {name: value for name, value in it.items() if not name.startswith("_")}


class Desk:
    """Who answers: each method is one request, and gives a body or raises a Refusal."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def page(self, request: Request, objects: Iterator[Object]) -> Object:
        found = list(objects)
        if request.query_params.get("order") == "newest":
            found.reverse()
        for it in found:
            if it.get("state") == "arriving":  # a look at it, and it has arrived
                it["state"] = "catalogued"
        start, limit = int(request.query_params.get("after", 0)), int(request.query_params.get("limit", 20))
        following = str(start + limit) if start + limit < len(found) else None
        return {"items": [shown(it) for it in found[start : start + limit]], "next": following}

    def many(self, request: Request, body: Any) -> Object:
        kind, shelf = self.where(request)
        if request.method == "GET":
            return self.page(request, self.store.all(kind, shelf))
        return shown(self.store.make(kind, body, shelf))

    def at_once(self, request: Request, body: Any) -> Object:
        _, shelf = self.where(request)
        if len(body["books"]) > MOST_AT_ONCE:
            raise Refusal(400, f"at most {MOST_AT_ONCE} at once")
        return {"results": [shown(self.store.make("books", each, shelf)) for each in body["books"]]}

    def one(self, request: Request, body: Any) -> Object | None:
        found = self.found(request)
        if request.method == "DELETE":
            self.store.delete(found)
            return None
        if request.method == "PATCH":
            self.store.change(found, body)
        return shown(found)

    def writers(self, request: Request, body: Any) -> None:
        found = self.found(request)
        given = [self.store.get("authors", author)["uid"] for author in body["authors"]]
        rest = [author for author in found["authors"] if author not in given]
        found["authors"] = rest + given if request.method == "POST" else rest

    def written(self, request: Request, body: Any) -> Object:
        author = self.store.get("authors", request.path_params["uid"])["uid"]
        return self.page(request, (it for it in self.store.objects.values() if author in it.get("authors", ())))

    def found(self, request: Request) -> Object:
        kind, shelf = self.where(request)
        return self.store.get(kind, request.path_params["uid"], shelf)

    def where(self, request: Request) -> tuple[str, str | None]:
        """The kind, and the shelf that it stands on."""
        shelf = request.path_params.get("shelf")
        if shelf is not None:
            self.store.get("shelves", shelf)
        return request.url.path.split("/")[4 if shelf else 2].partition(":")[0], shelf

    def answers(self, call: Callable[[Request, Any], Object | None]) -> Callable[[Request], Any]:
        """The call as an endpoint."""

        async def endpoint(request: Request) -> Response:
            if not request.headers.get("authorization", "").startswith("Token "):
                return JSONResponse({"message": "who are you?"}, 401)
            body = await request.body()
            try:
                answer = call(request, json.loads(body) if body else None)
            except Refusal as refusal:
                return JSONResponse({"message": refusal.message}, refusal.status)
            self.store.keep()
            return Response(status_code=204) if answer is None else JSONResponse(answer)

        return endpoint


def app(db: Path | None = None) -> Starlette:
    """A library; `app(...).state.store` is what is in it."""
    desk = Desk(Store(db))
    books = "/v2/shelves/{shelf}/books"
    calls: list[tuple[str, Callable[[Request, Any], Object | None], list[str]]] = [
        (f"{books}:many", desk.at_once, ["POST"]),
        (f"{books}/{{uid}}/authors", desk.writers, ["POST", "DELETE"]),
        ("/v2/authors/{uid}/books", desk.written, ["GET"]),
    ]
    for path in ("/v2/authors", "/v2/shelves", books):
        calls.append((path, desk.many, ["GET", "POST"]))
        calls.append((f"{path}/{{uid}}", desk.one, ["GET", "PATCH", "DELETE"]))
    made = Starlette(routes=[Route(path, desk.answers(call), methods=methods) for path, call, methods in calls])
    made.state.store = desk.store
    return made
