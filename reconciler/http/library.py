"""httpx without its command line, which would bring packages for coloured text along and take longer than the rest.

Imported before httpx is, by the package that this stands in; who has imported it before us has paid already.
"""

from __future__ import annotations

import sys

COMMAND_LINE = "httpx._main"

if "httpx" not in sys.modules:
    sys.modules[COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401 - as without the extra `cli`, of which it says how to install it
    finally:
        del sys.modules[COMMAND_LINE]
