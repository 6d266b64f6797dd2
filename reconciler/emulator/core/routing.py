"""From method and path to a route: Starlette's path syntax, one prefix at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.routing import compile_path

from reconciler.emulator.core.endpoints import Api, EndpointFamily, Route

__all__ = ["RouteMatch", "Router"]


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """Where a request belongs. Without a route, `allowed` says which methods the path does have."""

    api: Api | None
    route: Route | None
    params: Mapping[str, str]
    local_path: str
    """The path without the vendor's prefix: what fault rules see."""
    allowed: tuple[str, ...] = ()
    family: EndpointFamily | None = None

    def name(self, method: str) -> str:
        """How the log counts it."""
        return f"{method} {self.route.path if self.route else '(no route)'}"


class Router:
    """All routes of all families, by number of segments, in the order of the families."""

    def __init__(self, families: Iterable[EndpointFamily], usual: Api) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[str], Api, EndpointFamily, Route]]] = {}
        self._apis: dict[str, Api] = {}
        for family in families:
            api = family.api or usual
            self._apis[api.prefix] = api
            for route in family.routes:
                full = api.prefix + route.path
                self._by_length.setdefault(full.count("/"), []).append((compile_path(full)[0], api, family, route))

    def match(self, method: str, path: str) -> RouteMatch:
        """The route of a request; families are asked in their order."""
        # The longest prefix wins: what a presigned URL points at has none.
        within = [prefix for prefix in self._apis if path.startswith(f"{prefix}/")]
        api = self._apis[max(within, key=len)] if within else None
        local = path[len(api.prefix) :] if api else path
        allowed = set()
        for pattern, its_api, owner, route in self._by_length.get(path.count("/"), ()):
            found = pattern.match(path)
            if found and route.method == method:
                return RouteMatch(its_api, route, found.groupdict(), local, family=owner)
            if found:
                allowed.add(route.method)
        return RouteMatch(api, None, {}, local, tuple(sorted(allowed)))
