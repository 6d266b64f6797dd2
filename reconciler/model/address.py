"""An address: the path of a resource in the YAML, which every message, plan and state row shows.

Sections and names take turns: `indexes/catalog/assets/final` is `final` under `assets` of `indexes/catalog`. What is
made of something else has the name of its group and that of its input: `embeddings/clips/final`.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["MADE_OF_WORDS", "is_within", "key_of", "names_of", "parent_of", "sections_of", "ways_up"]

MADE_OF_WORDS = 3
"""So many words has the address of what is made of something else: section, group, input."""


def parent_of(address: str) -> str | None:
    """The address of what this one lives in: `indexes/catalog` for `indexes/catalog/assets/final`, else None."""
    parts = address.rsplit("/", 2)
    return parts[0] if len(parts) == MADE_OF_WORDS and "/" in parts[0] else None


def ways_up(address: str) -> Iterator[str]:
    """The address and what it lives in, the longest first."""
    while address:
        yield address
        address = address.rpartition("/")[0].rpartition("/")[0]


def is_within(address: str, root: str) -> bool:
    """Whether it is the other address, or that of something that lives in it."""
    return address == root or address.startswith(f"{root}/")


def key_of(address: str) -> str:
    """The last word of an address: the logical name."""
    return address.rsplit("/", 1)[1]


def sections_of(address: str) -> tuple[str, ...]:
    """The words of an address that say what kind of thing is there: `("indexes", "assets")`."""
    words = tuple(address.split("/"))
    return words[:1] if len(words) == MADE_OF_WORDS else words[::2]


def names_of(address: str) -> tuple[str, ...]:
    """The other words of an address: `("catalog", "final")`."""
    words = tuple(address.split("/"))
    return words[1:] if len(words) == MADE_OF_WORDS else words[1::2]
