"""The providers that come with this package, one a folder; see `reconciler.provider` for what one is."""

__all__ = ["KEYS_TO_COME"]

KEYS_TO_COME = ("MIXPEEK_API_KEY",)
"""Variables that hold the keys of providers which are to come: no stack may read them today either."""
