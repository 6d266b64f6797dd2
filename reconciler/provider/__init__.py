"""The contract of a provider: what one declares, and what its drivers do. Read this to write one.

A provider is a class of one vendor's API: its kinds (what can be declared), its access (where it is, what proves who we
are), its tariff, and for each kind a driver, which reads and writes objects of that kind. A driver decides nothing and
keeps nothing: what to read, what to send and what a lost answer means is decided by whoever calls it. `rest.Collection`
is a driver of any API that is collections of JSON objects; most providers say only paths and names on top of it.

Classes here are protocols with bodies: whoever derives from them has the defaults, and cannot be made without the
methods that have none. Errors are those of `reconciler.errors`: what the API says is an ApiError (NotFound, Rejected,
Conflict, Forbidden, Unauthorised, RateLimited …), and Unclear means that a write may have happened or not. The `Http`
of `Hands` raises all of them by itself; a driver adds Unclear for an answer that it cannot read.
"""

from __future__ import annotations

from reconciler.provider.contract import Driver, Drivers, Provider
from reconciler.provider.registry import kinds_of, known, made_of, names, provider
from reconciler.provider.searching import MENTION, Clip, Found, Image, Question, Search, Space, entries_of
from reconciler.provider.values import (
    Access,
    AfterUnclear,
    Cursor,
    Done,
    Exists,
    ExistsWhen,
    Failed,
    Finding,
    Hands,
    Keep,
    Lost,
    Order,
    Page,
    Patch,
    Progress,
    Running,
    Traits,
    Want,
)

__all__ = [
    "MENTION",
    "Access",
    "AfterUnclear",
    "Clip",
    "Cursor",
    "Done",
    "Driver",
    "Drivers",
    "Exists",
    "ExistsWhen",
    "Failed",
    "Finding",
    "Found",
    "Hands",
    "Image",
    "Keep",
    "Lost",
    "Order",
    "Page",
    "Patch",
    "Progress",
    "Provider",
    "Question",
    "Running",
    "Search",
    "Space",
    "Traits",
    "Want",
    "entries_of",
    "kinds_of",
    "known",
    "made_of",
    "names",
    "provider",
]
