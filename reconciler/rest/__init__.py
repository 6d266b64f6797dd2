"""The driver of any API that is collections of JSON objects; nothing in here knows a vendor."""

from __future__ import annotations

from reconciler.rest.collection import Collection, id_in
from reconciler.rest.envelope import MOST_PAGES, Counts, Envelope
from reconciler.rest.marks import Marks

__all__ = ["MOST_PAGES", "Collection", "Counts", "Envelope", "Marks", "id_in"]
