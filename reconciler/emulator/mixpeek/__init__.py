"""A fake of the Mixpeek API as it was in November 2024. `app()` makes one.

What a request is, and how it is answered, is `call`; what a body must hold is `bodies`; what is found in media is
`finding`. Where no source says how the vendor behaves, docs/emulator.md says what was chosen.
"""

from reconciler.emulator.mixpeek.options import MixpeekOptions
from reconciler.emulator.mixpeek.vendor import VENDOR, app

__all__ = ["VENDOR", "MixpeekOptions", "app"]
