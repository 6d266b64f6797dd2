"""Indexes: what can be searched."""

from __future__ import annotations

from typing import Annotated, Literal

from reconciler.kind import CREATE_ONLY, FROM_KEY, UNORDERED, Bounds, Examples, Kind, Known, Part, Wire, fresh
from reconciler.providers.twelvelabs.api import TwelveLabsCollection
from reconciler.providers.twelvelabs.metadata import Name

__all__ = ["Index", "Indexes", "Model"]

MODELS = frozenset({"marengo2.6", "marengo2.7", "marengo3.0", "pegasus1", "pegasus1.1", "pegasus1.2"})
"""Of indexes: only `marengo3.0` makes a new one by now, but accounts hold older ones."""
Look = Literal["visual", "audio"]
LOOKS_AT: list[Look] = ["visual", "audio"]


class Model(Part):
    """One model of an index and what it looks at."""

    name: Annotated[Name, Wire("model_name"), Known(MODELS, as_of="2026-10")]
    """`marengo3.0` to search; which others are offered depends on the account."""
    options: Annotated[list[Look], Wire("model_options"), UNORDERED, Bounds(min_length=1, max_length=2)] = LOOKS_AT
    """What it looks at and listens to."""


class Index(
    Kind,
    section="indexes",
    natural_key=("name",),
    unique=True,
    asynchronous=False,
    cascades=True,
    counts="video_count",
):
    """A searchable set of indexed assets. Its models cannot be changed: another model is another index."""

    name: Annotated[Name, Wire("index_name"), FROM_KEY] = ""
    """Unique in the account."""
    models: Annotated[list[Model], CREATE_ONLY, UNORDERED, Bounds(min_length=1), Examples(([{"name": "marengo3.0"}],))]
    """The models that index each asset."""
    addons: Annotated[list[Literal["thumbnail"]], CREATE_ONLY, UNORDERED] = fresh(list)
    """Extras; none can be added or taken away later."""


class Indexes(TwelveLabsCollection):
    """How they are read and made."""

    kind = Index
    path = "/indexes"
    change = "PUT {path}"
