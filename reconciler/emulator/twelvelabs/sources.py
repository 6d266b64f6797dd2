"""Media that a request brings along or points at: a file in a form, a URL, base64, an asset, an indexed video."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from reconciler.emulator.core.media import MediaFacts, examine, imagine, kind_of, mime_of
from reconciler.emulator.core.problems import ApiProblem
from reconciler.emulator.twelvelabs.call import ApiCall
from reconciler.emulator.twelvelabs.problems import invalid, missing
from reconciler.emulator.twelvelabs.readiness import not_ready
from reconciler.emulator.twelvelabs.reading import Body
from reconciler.emulator.twelvelabs.wire import SentFile

__all__ = ["MediaSource", "behind", "from_asset", "from_base64", "from_file", "from_url", "media_source"]

DEFAULT_TYPES = {"video": "video/mp4", "audio": "audio/wav", "image": "image/jpeg", "document": "application/pdf"}


@dataclass(frozen=True, slots=True)
class MediaSource:
    """One piece of media, however it came. `given` is what of it a later answer may echo."""

    how: str
    name: str
    media: dict[str, Any]
    given: str = ""
    asset_seq: int = 0

    @property
    def duration(self) -> float:
        """Seconds; nought for what has no time in it."""
        return float(self.media["duration"] or 0.0)

    @property
    def kind(self) -> str:
        """`video`, `audio`, `image`, `document`, or nothing."""
        return kind_of(self.media["mime"])

    def must_be(self, wanted: Collection[str], name: str) -> MediaSource:
        """Itself, if it is of a kind that the endpoint takes."""
        if self.media["broken"]:
            raise ApiProblem(400, "video_file_broken", f"The {name} cannot be read: {self.media['broken']}.")
        if self.kind not in wanted:
            raise invalid(f"The {name} parameter must be {' or '.join(wanted)}, not {self.media['mime'][:80]}.")
        return self


def behind(url: str, name: str, kind: str) -> tuple[str, MediaFacts]:
    """What is behind a URL, as what it is called and what it is. Nothing is downloaded: it follows from the URL, and
    `kind` where its name does not tell."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise invalid(f"The {name} parameter must be a public http or https address.")
    # What is behind a URL is named by its last part (chosen): nothing is asked of its server.
    filename = unquote(parts.path.rsplit("/", 1)[-1]).encode("utf-8", "replace").decode() or "download"
    mime = mime_of(filename)
    content = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
    return filename, imagine(content, mime if kind_of(mime) else DEFAULT_TYPES[kind])


def from_url(url: str, name: str, kind: str) -> MediaSource:
    """What is `behind` a URL."""
    filename, media = behind(url, name, kind)
    return MediaSource("url", filename, media.as_json(), url)


def from_file(file: SentFile, name: str) -> MediaSource:
    """A file of a form; one without bytes is refused."""
    filename = file.filename or "upload"
    media = examine(file.file, filename, mime_of(filename, file.content_type))
    if media.size == 0:
        raise invalid(f"The {name} parameter is an empty file.")
    return MediaSource("file", filename, media.as_json(), filename)


def from_base64(text: str, name: str, kind: str, most: int, *, too_large: int = 400) -> MediaSource:
    """Bytes in the request; a data URL's head is left out. `most` is of the encoded text."""
    if len(text) > most:
        raise ApiProblem(
            too_large, "media_filesize_too_large", f"The {name} parameter may have {most} characters at most."
        )
    try:
        content = base64.b64decode(text.rsplit(",", 1)[-1].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise invalid(f"The {name} parameter must be base64.") from error
    if not content:
        raise invalid(f"The {name} parameter is empty.")
    return MediaSource("base64_string", "", examine(io.BytesIO(content), "", DEFAULT_TYPES[kind]).as_json())


def from_asset(call: ApiCall, asset_id: str, *, status: int = 400) -> MediaSource:
    """An asset, which must be ready: nothing is embedded or analysed before it is."""
    asset = call.store.get("asset", asset_id)
    if asset is None:
        raise call.lost("asset", asset_id, status)
    asset = call.walker.up_to_now(call.store, asset)
    if asset.status != "ready":
        raise not_ready(asset)
    return MediaSource("asset_id", asset.name, asset.doc["media"], asset.id, asset.seq)


def media_source(
    call: ApiCall, part: Body, kind: str, *, most: int, status: int = 400, too_large: int = 400
) -> MediaSource:
    """Exactly one of `url`, `base64_string` and `asset_id`."""
    url, encoded, asset_id = part.maybe_text("url"), part.maybe_text("base64_string"), part.maybe_text("asset_id")
    if sum(1 for way in (url, encoded, asset_id) if way) > 1:
        raise invalid(f"{part.where} must have one of url, base64_string and asset_id, not several.")
    if url:
        found = from_url(url, f"{part.where}.url", kind)
    elif encoded:
        found = from_base64(encoded, f"{part.where}.base64_string", kind, most, too_large=too_large)
    elif asset_id:
        found = from_asset(call, asset_id, status=status)
    else:
        raise missing(f"{part.where}.url")
    return found.must_be((kind,), part.where)
