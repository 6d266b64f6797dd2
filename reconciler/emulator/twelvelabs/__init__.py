"""A fake of the TwelveLabs API, v1.3. `app()` makes one.

State, wire and routes are three parts of each file in `families`; what a request is, and how it is answered, is
`call`; what the vendor's words and limits are is in the files beside it.
"""

from reconciler.emulator.twelvelabs.options import Options
from reconciler.emulator.twelvelabs.vendor import VENDOR, app

__all__ = ["VENDOR", "Options", "app"]
