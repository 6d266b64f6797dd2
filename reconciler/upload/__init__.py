"""Files: what their bytes are, and how they get to an API.

A file is hashed once (`Files`), sent once (`Slice`, `Form`, `Multipart`), and never other bytes than those hashed.
"""

from __future__ import annotations

from reconciler.upload.bandwidth import Bandwidth, parse_rate
from reconciler.upload.body import Form, Slice
from reconciler.upload.cache import Cache, cache_path
from reconciler.upload.handle import Upload, proof_of
from reconciler.upload.hashes import Files, Hashed
from reconciler.upload.media import Probe, can_probe, cuts, probes
from reconciler.upload.multipart import Chunk, Multipart, Remote, SessionLost
from reconciler.upload.sending import Sending
from reconciler.upload.types import media_type

__all__ = [
    "Bandwidth",
    "Cache",
    "Chunk",
    "Files",
    "Form",
    "Hashed",
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
    "media_type",
    "parse_rate",
    "probes",
    "proof_of",
]
