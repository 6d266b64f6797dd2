"""The providers: one file each, one line here; others ship theirs as entry points of group `reconciler.providers`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from reconciler.kinds import Kinds

__all__ = ["PROVIDERS", "kinds_of", "names", "provider"]

PROVIDERS = {
    "twelvelabs": "reconciler.providers.twelvelabs:TwelveLabs",
}
"""name → where its class is; imported when used."""


def names() -> tuple[str, ...]:
    """All providers that can be named in a stack."""
    return (*PROVIDERS, *(point.name for point in entry_points(group="reconciler.providers")))


def provider(name: str) -> Any:
    """The provider's class (see `rest.Rest` for what one has). Raises KeyError for an unknown name."""
    if name in PROVIDERS:
        module, _, attribute = PROVIDERS[name].partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group="reconciler.providers", name=name):
        return point.load()
    raise KeyError(name)


def kinds_of(name: str) -> Kinds:
    """Its kinds, parents first, what is referred to before what refers to it."""
    kinds: Kinds = provider(name).kinds
    return kinds
