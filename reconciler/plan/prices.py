"""What things cost: the provider's table with the stack's `prices:` laid over it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import Problem
from reconciler.lazily import difflib
from reconciler.model import Stack
from reconciler.tariff import Price, Tariff

__all__ = ["INDEX_MINUTE", "Prices", "problems"]

CURRENCY, INDEX_MINUTE = "currency", "index_minute"
CODE = re.compile("[A-Z]{3}")
BY_THE_STACK = "`prices:` of the stack"
UNKNOWN = Price()


class Prices:
    """By word, and by model where they differ. What `prices:` says has passed `problems`."""

    def __init__(self, given: Mapping[str, Any], tariff: Tariff) -> None:
        self.currency = str(given.get(CURRENCY, tariff.currency))
        # In another currency the table says nothing: nobody knows the rate of exchange.
        table = _table(tariff) if self.currency == tariff.currency else {}
        self._by_word = {
            word: _over(table.get(word, UNKNOWN), given.get(word)) for word in {*table, *given} - {CURRENCY}
        }

    def of(self, word: str) -> Price:
        """What is known of it."""
        return self._by_word.get(word, UNKNOWN)


def _table(tariff: Tariff) -> dict[str, Price]:
    metered = tariff.metered
    index = {INDEX_MINUTE: Price(None, metered.per_minute, metered.as_of, metered.source)} if metered else {}
    return {**tariff.prices, **index}


def _over(price: Price, own: Any) -> Price:
    if own is None:
        return price
    if isinstance(own, Mapping):
        return Price(price.amount, {**price.by_model, **own}, None, BY_THE_STACK)
    return Price(float(own), {}, None, BY_THE_STACK)


def problems(stack: Stack, tariff: Tariff) -> list[Problem]:
    """What is wrong with `prices:`, and with the plan that `guards:` names, each at its place."""
    found = [
        Problem(*stack.where("prices", *path), ".".join(("prices", *path)), text)
        for path, text in _wrong(stack.prices, (*_table(tariff), CURRENCY))
    ]
    name = stack.guards.get("plan")
    if name is not None and name not in tariff.quotas:
        known = ", ".join(tariff.quotas) or "none"
        found.append(
            Problem(*stack.where("guards", "plan"), "guards.plan", f"there is no plan {name!r}; known: {known}")
        )
    return found


def _wrong(given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            yield (key,), f"there is no such price{hint or '; known: ' + ', '.join(known)}"
        elif key == CURRENCY:
            # It stands in comments and logs: three letters hold no markup.
            if not (isinstance(value, str) and CODE.fullmatch(value)):
                yield (key,), "expected the three letters of a currency, such as USD"
        elif isinstance(value, Mapping):
            yield from (
                ((key, model), "expected a number that is not negative")
                for model, price in value.items()
                if not _is_price(price)
            )
        elif not _is_price(value):
            yield (key,), f"expected the price of {_told(key)}, or one for each model"


def _told(word: str) -> str:
    return "a minute" if word.endswith("_minute") else "it"


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
