"""Files: what their bytes are, and how they get to an API.

A file is hashed once (`Files`), sent once (`Slice`, `Form`, `Multipart`), and never other bytes than those hashed.
"""

from __future__ import annotations

from reconciler.files.bandwidth import Bandwidth, parse_rate
from reconciler.files.body import Form, Slice
from reconciler.files.cache import Cache, cache_path
from reconciler.files.handle import Upload, proof_of
from reconciler.files.hashes import Elsewhere, Files, Hashed, Look
from reconciler.files.media import Probe, can_probe, cuts, looked_into, probes
from reconciler.files.multipart import Chunk, Multipart, Remote, SessionLost
from reconciler.files.sending import Sending
from reconciler.files.types import media_type

__all__ = [
    "Bandwidth",
    "Cache",
    "Chunk",
    "Elsewhere",
    "Files",
    "Form",
    "Hashed",
    "Look",
    "Multipart",
    "Probe",
    "Remote",
    "Sending",
    "SessionLost",
    "Slice",
    "Upload",
    "cache_path",
    "can_probe",
    "cuts",
    "looked_into",
    "media_type",
    "parse_rate",
    "probes",
    "proof_of",
]
