"""What YAML says of search checks: what is asked, what should be found, and how good is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from reconciler.frozen import dataclass

__all__ = ["Asked", "Check", "CheckQuery", "CheckScore", "Expectation", "Fit", "Floor", "Match"]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a query should find: an asset, or the seconds of it from `start` to `end`."""

    asset: str
    """The name of the asset in what is searched."""
    start: float | None = None
    end: float | None = None
    grade: int = 1
    """How much it is wanted, from 1; only the gain of nDCG looks at it."""


class Fit(StrEnum):
    """How a hit is held against a part of an asset."""

    COVERED = "covered"
    """By the share of the hit that lies in what is expected: a short clip fits a long scene."""
    IOU = "iou"
    """By intersection over union: for short moments, whose borders matter."""


@dataclass(frozen=True, slots=True)
class Match:
    """From which share on a hit fits."""

    fit: Fit = Fit.COVERED
    least: float = 0.5


@dataclass(frozen=True, slots=True)
class Floor:
    """What is demanded of one measure."""

    least: float | None = None
    """The mean must be as high as that."""
    allow: float | None = None
    """The mean may be so much lower than that of the baseline."""
    warn: bool = False
    """Whether falling short of it is said, and nothing more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search is asked, as people write it: with names, and pictures as addresses of assets or URLs."""

    text: str = ""
    images: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """What of the media is searched; all that can be, when empty."""
    every_option: bool = False
    spoken: tuple[str, ...] = ()
    filter: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckQuery(Asked):
    """One question of a check, all of it written out: what the check says for all of its queries is filled in."""

    name: str
    expect: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Some queries of one thing that can be searched, and what is demanded of the answers."""

    address: str
    of: str
    """The address of what is searched."""
    queries: Mapping[str, CheckQuery]
    usual: Asked = Asked()
    """What its queries ask unless they say otherwise."""
    k: int = 10
    """So many hits count."""
    floors: Mapping[str, Floor] = field(default_factory=dict)
    """By measure."""
    match: Match = Match()
    sure: float | None = None
    """How sure a loss must be; None: as the number of queries allows."""


@dataclass(frozen=True, slots=True)
class CheckScore:
    """What was recorded of one query of a check: a part of the check's baseline."""

    check: str
    """The check's address."""
    query: str
    """The digest of all that the query asks and expects."""
    values: Mapping[str, float]
    """By measure."""
    at: str
    """When, RFC 3339."""
    container_id: str
    """What was searched."""
    made_of: str
    """A digest of what the answers depended on."""
