"""Modules of the standard library that take long to import and that many commands never use: imported by their use.

`validate` opens no connection, hashes nothing and asks no database, but reads the modules of the drivers, which do.
Where a module needs one of these in its functions only, it takes it from here; `tests/test_quick_values.py` says what
`validate` may not import.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["asyncio", "difflib", "hashlib", "secrets", "shutil", "socket", "sqlite3", "subprocess"]

if TYPE_CHECKING:
    import asyncio as asyncio
    import difflib as difflib
    import hashlib as hashlib
    import secrets as secrets
    import shutil as shutil
    import socket as socket
    import sqlite3 as sqlite3
    import subprocess as subprocess
else:

    class _ByUse:
        """Stands for a module until something of it is used."""

        __slots__ = ("_module", "_name")

        def __init__(self, name: str) -> None:
            self._name = name
            self._module: ModuleType | None = None

        def __getattr__(self, name: str) -> Any:
            if self._module is None:
                self._module = import_module(self._name)
            return getattr(self._module, name)

    asyncio, difflib, hashlib = _ByUse("asyncio"), _ByUse("difflib"), _ByUse("hashlib")
    secrets, shutil, socket = _ByUse("secrets"), _ByUse("shutil"), _ByUse("socket")
    sqlite3, subprocess = _ByUse("sqlite3"), _ByUse("subprocess")
