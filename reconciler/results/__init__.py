"""What was made from media, and where it is kept: sets of rows, each with a row of a manifest that a plan reads.

`open_store` gives the `Store` of a URL. Stores know nothing of kinds or providers; a result is a stack, an address, an
identity, and its rows.
"""

from __future__ import annotations

from reconciler.results.contract import FORMAT, Opening, Store
from reconciler.results.naming import DE_FACTO, Naming
from reconciler.results.opening import STORES, beginnings, open_store, shown_url
from reconciler.results.rows import COLUMNS, Made, Rows, key_of

__all__ = [
    "COLUMNS",
    "DE_FACTO",
    "FORMAT",
    "STORES",
    "Made",
    "Naming",
    "Opening",
    "Rows",
    "Store",
    "beginnings",
    "key_of",
    "open_store",
    "shown_url",
]
