"""Which providers there are: those that come along, and those of other packages, by their entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.kinds import Kinds
from reconciler.provider.contract import Provider
from reconciler.provider.values import Access
from reconciler.tariff import Tariff

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["kinds_of", "known", "made_of", "names", "provider"]

BUILT_IN = {
    "twelvelabs": "reconciler.providers.twelvelabs:TwelveLabs",
    "mixpeek": "reconciler.providers.mixpeek:Mixpeek",
}
"""name → where its class is; imported when used."""
GROUP = "reconciler.providers"
"""The group of entry points by which packages of others bring theirs."""


def entry_points(*, group: str, **wanted: Any) -> EntryPoints:
    """Of packages that are installed. What finds them is imported when something is looked for, and a provider that
    comes along is not."""
    from importlib import metadata

    return metadata.entry_points(group=group, **wanted)


def names() -> tuple[str, ...]:
    """All providers that can be named in a stack."""
    return tuple(dict.fromkeys((*BUILT_IN, *(point.name for point in entry_points(group=GROUP)))))


def known(name: str) -> bool:
    """Whether there is a provider of that name."""
    return name in BUILT_IN or any(entry_points(group=GROUP, name=name))


@cache
def provider(name: str) -> Provider:
    """The provider of that name. Raises KeyError for an unknown name, TypeError for what is no provider."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return made_of(name, getattr(import_module(module), attribute))
    for point in entry_points(group=GROUP, name=name):
        return made_of(name, point.load())
    raise KeyError(name)


def kinds_of(name: str) -> Kinds:
    """Its kinds: parents first, what is referred to before what refers to it."""
    return provider(name).kinds


def made_of(name: str, given: Any) -> Provider:
    """The provider that a registered class makes. Raises TypeError, in words for who wrote it, when it lacks something:
    mypy sees that too, but nobody has to use it."""
    where = f"the provider {name}"
    if not isinstance(given, type):
        raise TypeError(f"{where} is {given!r}, which is not a class")
    for member, due in DECLARED.items():
        if not hasattr(given, member):
            raise TypeError(f"{where}: {given.__name__} does not declare {member!r} ({due.__name__})")
        if not isinstance(value := getattr(given, member), due):
            raise TypeError(f"{where}: {given.__name__}.{member} is {value!r}, and must be of {due.__name__}")
    if missing := [it for it in METHODS if not callable(getattr(given, it, None))]:
        raise TypeError(f"{where}: {given.__name__} has no method {' and '.join(missing)}; derive it from Provider")
    if (own := getattr(given, "name", "")) != name:
        raise TypeError(f"{where}: {given.__name__} calls itself {own!r}")
    if abstract := sorted(getattr(given, "__abstractmethods__", ())):
        raise TypeError(f"{where}: {given.__name__} does not say what {' and '.join(abstract)} does")
    made: Provider = given()
    return made


DECLARED: Mapping[str, type] = {"name": str, "kinds": Kinds, "access": Access, "tariff": Tariff}
METHODS = ("drivers", "emulator", "inspect", "lengths")
