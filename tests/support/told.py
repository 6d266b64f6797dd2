"""A stack of two pictures, for tests of what is told of runs and of drift."""

__all__ = ["STACK"]

STACK = """
stack: told
provider: twelvelabs
assets:
  a: {url: "https://example.com/a.jpg", metadata: {season: 2024}}
  b: {url: "https://example.com/b.jpg", metadata: {season: 2024}}
"""
