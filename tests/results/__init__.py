"""Stores of results: one suite that all of them pass, and what each does by itself."""
