"""Scripted tours with clients that nobody here wrote, each run by an interpreter that has the version it is for.

A tour uploads, indexes, searches, embeds and analyzes in the client's own words, and prints what it saw as one JSON
document. `make sdks` installs the clients; `tests/test_tours.py` runs the tours.
"""
