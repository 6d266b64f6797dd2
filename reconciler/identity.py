"""What bytes are that nobody here has: told by a pinned hash, or by where they are. Pure.

A URL without a hash stands for itself. Who may fetch it is no part of that: a presigned URL is signed anew each hour
and serves the same object, so the parameters of the signature do not count. Everything else of a URL does.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from reconciler.lazily import hashlib

__all__ = ["formerly", "of_url"]

SIGNATURES: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (
        frozenset({"x-amz-signature", "x-amz-credential"}),
        frozenset(
            f"x-amz-{name}"
            for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature", "security-token")
        ),
    ),
    (
        frozenset({"x-goog-signature", "x-goog-credential"}),
        frozenset(
            f"x-goog-{name}" for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature")
        ),
    ),
    (
        frozenset({"signature", "awsaccesskeyid"}),
        frozenset({"signature", "awsaccesskeyid", "expires", "x-amz-security-token"}),
    ),
    (frozenset({"signature", "googleaccessid"}), frozenset({"signature", "googleaccessid", "expires"})),
    (frozenset({"signature", "key-pair-id"}), frozenset({"signature", "key-pair-id", "expires", "policy"})),
    (
        frozenset({"sig", "sv"}),
        frozenset(
            {"sig", "sv", "st", "se", "sr", "sp", "sip", "spr", "ss", "srt", "sdd"}
            | {"skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid"}
        ),
    ),
)
"""By scheme: the parameters that show it, and all that belong to it. Amazon S3 (version 4 and 2), Google Cloud Storage
(4 and 2), Amazon CloudFront, Azure Storage; as their documentation had them in November 2026."""


def of_url(url: str, sha256: str | None = None) -> str:
    """The identity of what a URL serves: the hash of its bytes where it is pinned, as a file's; else the URL's own."""
    return sha256 or "url:" + hashlib.sha256(_unsigned(url).encode()).hexdigest()


def formerly(url: str, sha256: str | None = None) -> str:
    """The same as earlier versions kept it, in states and stamps."""
    return "url-" + hashlib.sha256(f"{url}\n{sha256 or ''}".encode()).hexdigest()


def _unsigned(url: str) -> str:
    """The URL without its signature; the same URL when it has none that is known."""
    if "?" not in url:
        return url
    before, mark, query = url.partition("?")
    query, hash_mark, fragment = query.partition("#")
    pairs = query.split("&")
    names = [unquote_plus(pair.partition("=")[0]).lower() for pair in pairs]
    drop = frozenset[str]().union(*(all_ for shown, all_ in SIGNATURES if shown <= set(names)))
    if not drop:
        return url
    kept = "&".join(pair for pair, name in zip(pairs, names, strict=True) if name not in drop)
    return before + (mark + kept if kept else "") + hash_mark + fragment
