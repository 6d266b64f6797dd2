"""The providers that come with this package, one a folder; see `reconciler.provider` for what one is."""
