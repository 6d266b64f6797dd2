"""From method and path to a route: Starlette's path syntax, one vendor's prefix at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.routing import compile_path

from reconciler.emulator.call import Api, Family, Route
from reconciler.emulator.problems import Problem

__all__ = ["Match", "Router"]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a request belongs. Without a route there is a problem to answer with."""

    api: Api | None
    route: Route | None
    params: Mapping[str, str]
    local_path: str
    """The path without the vendor's prefix: what fault rules see."""
    problem: Problem | None = None
    family: Family | None = None

    def name(self, method: str) -> str:
        """How the log counts it."""
        return f"{method} {self.route.path if self.route else '(no route)'}"


class Router:
    """All routes of all families, by number of segments, in the order of the families."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._by_length: dict[int, list[tuple[re.Pattern[str], Family, Route]]] = {}
        self._apis: dict[str, Api] = {}
        for family in families:
            self._apis[family.api.prefix] = family.api
            for route in family.routes:
                full = family.api.prefix + route.path
                self._by_length.setdefault(full.count("/"), []).append((compile_path(full)[0], family, route))

    def match(self, method: str, path: str) -> Match:
        within = [prefix for prefix in self._apis if path.startswith(f"{prefix}/")]
        api = self._apis[max(within, key=len)] if within else None
        local = path[len(api.prefix) :] if api else path
        allowed = set()
        for pattern, owner, route in self._by_length.get(path.count("/"), ()):
            found = pattern.match(path)
            if found and route.method == method:
                return Match(owner.api, route, found.groupdict(), local, family=owner)
            if found:
                allowed.add(route.method)
        if allowed:
            allow = {"Allow": ", ".join(sorted(allowed))}
            problem = Problem(405, "method_not_allowed", f"{method} is not supported here.", headers=allow)
        else:
            problem = Problem(404, "endpoint_not_exists", "There is no such endpoint.")
        return Match(api, None, {}, local, problem)
