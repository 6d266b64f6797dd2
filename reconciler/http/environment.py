"""What the machine's environment says of the network: proxies and certificates, each mistake told by its variable.

httpx reads these too, all at once when a client is made, and fails on any that it cannot use with an error of whatever
library came across it. Here they are read for the address that is asked for, when it is asked for.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import httpx

from reconciler.errors import Refused, Unreachable
from reconciler.http.direct import DirectWay

__all__ = ["ByEnvironment", "address_of", "proxy_for", "proxy_secrets", "trusted"]

Way: TypeAlias = DirectWay | httpx.AsyncHTTPTransport
SCHEMES = ("http", "https", "socks5", "socks5h")


class ByEnvironment(httpx.AsyncBaseTransport):
    """The network, by way of the proxy that the environment names for an address, or directly.

    Each way is one connection: a pool of many looks through all of them at every request, and more often still when
    answers come side by side. How many there are at once is for whoever sends to bound.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._idle: dict[tuple[str, str, int | None], list[Way]] = {}
        """Scheme, host and port → ways there that nobody uses, the one that was used last at the end."""
        self._ways: set[Way] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it by a way to its address, which is opened when there is none that is idle."""
        url = request.url
        idle = self._idle.setdefault((url.scheme, url.host, url.port), [])
        way = idle.pop() if idle else self._opened(url)
        try:
            response = await way.handle_async_request(request)
        except BaseException:
            await self._given_up(way)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, partial(idle.append, way))
        return response

    def _opened(self, url: httpx.URL) -> Way:
        proxy = proxy_for(url.scheme, url.host, url.port)
        # To read whom to believe takes longer than most requests: of an address without TLS nobody asks for it.
        believed = trusted() if url.scheme == "https" or proxy else None
        if proxy is None:
            way: Way = DirectWay(believed, self._keep_s)
        else:
            limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._keep_s)
            assert believed is not None
            way = httpx.AsyncHTTPTransport(verify=believed, limits=limits, proxy=proxy)
        self._ways.add(way)
        return way

    async def _given_up(self, way: Way) -> None:
        self._ways.discard(way)
        await way.aclose()

    async def aclose(self) -> None:
        """Close every way that was opened; one that is in use gives itself up meanwhile."""
        self._idle.clear()
        while self._ways:
            await self._ways.pop().aclose()


class _Body(httpx.AsyncByteStream):
    """What is left of an answer, and what is done when nobody needs its way any more."""

    def __init__(self, body: httpx.AsyncByteStream, done: Callable[[], None]) -> None:
        self._body, self._done = body, done

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        """Also of what was not read to its end: the connection is closed then, and the next one opened by itself."""
        await self._body.aclose()
        done, self._done = self._done, _nothing
        done()


def _nothing() -> None:
    """The way was given back already."""


# The API's address


def address_of(url: str, name: str, *, allow_http: bool = False) -> str:
    """The address of an API, which `name` gave, as it can be used. Raises Unreachable when it is not one, Refused when
    whoever listens on the way would read the key."""
    if not url.strip():
        raise Unreachable(f"{name} is empty: give it the address of the API, or leave it out")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        usable = parts.scheme in ("http", "https") and bool(host) and port != 0 and not set(url) & set("#? ")
    except ValueError:  # a bracket that is not closed, a port that is not a number or beyond 65535
        usable = False
    if not usable or not url.isascii() or not url.isprintable():
        raise Unreachable(f"{name} is not a valid address: write https://HOST/PATH, with a port up to 65535 if any")
    if parts.scheme == "http" and not allow_http and not _is_this_machine(host):
        raise Refused([f"{name} is http://, which sends the API key in clear to {host}: use https://, or --allow-http"])
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# Proxies


def proxy_for(scheme: str, host: str, port: int | None = None) -> str | None:
    """The address of the proxy for a host, None when it is reached directly. Raises Unreachable when it is not one."""
    name, value = _setting(scheme)
    if not value or _is_direct(host, port or (443 if scheme == "https" else 80)):
        return None
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme.lower() in SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
        usable = usable and not (parts.query or parts.fragment) and parts.path in ("", "/")
        httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise Unreachable(
            f"{name} is not a valid proxy address: write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with "
            "special characters as %XX (# is %23, @ is %40), or unset it"
        )
    if parts.scheme.lower().startswith("socks") and find_spec("socksio") is None:
        raise Unreachable(
            f"{name} names a SOCKS proxy, for which a package is missing: pip install 'httpx[socks]', unset {name}, or "
            f"name the host in NO_PROXY"
        )
    return address


def _setting(scheme: str) -> tuple[str, str]:
    """(name, value) of the variable that counts; in small letters first, as everywhere."""
    for word in (scheme, "all"):
        for name in (f"{word}_proxy", f"{word}_proxy".upper()):
            if name == "HTTP_PROXY" and "REQUEST_METHOD" in os.environ:
                continue  # in a CGI script that is a header of whoever asks
            if name in os.environ:
                return name, os.environ[name].strip()
    system = getproxies()  # macOS and Windows keep them elsewhere
    return "the system's proxy", system.get(scheme) or system.get("all") or ""


def _is_direct(host: str, port: int) -> bool:
    """Whether NO_PROXY names the host: a name and all below it, an address or a network, with a port or without."""
    listed = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    items = [item.strip().lower() for item in listed.split(",")]
    return any(item and _names(item.rpartition("://")[2], host.lower().strip("[]"), port) for item in items)


def _names(item: str, host: str, port: int) -> bool:
    if item == "*":
        return True
    bare = item.replace("[", "").replace("]", "")
    try:
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        pass
    else:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    name, colon, given = item.rpartition(":")
    if colon and given.isdecimal():
        return int(given) == port and _names(name, host, port)
    name = item.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")


def proxy_secrets() -> Iterator[str]:
    """User and password of any proxy that the environment names, also when its address is not a valid one."""
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and "@" in value:
            user, _, password = value.partition("://")[2].rpartition("@")[0].partition(":")
            yield from filter(None, (f"{user}:{password}", password, unquote(password)))


# Certificates


def trusted() -> ssl.SSLContext:
    """Whom to believe: SSL_CERT_FILE or SSL_CERT_DIR, else what comes with us. Raises Unreachable by the variable."""
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file and not Path(file).is_file():
        raise Unreachable("SSL_CERT_FILE names a file that is not there: give it one of PEM certificates, or unset it")
    if not file and directory and not Path(directory).is_dir():
        raise Unreachable(
            "SSL_CERT_DIR names a directory that is not there: give it one with certificates, or unset it"
        )
    try:
        return _context(file or "", "" if file else directory or "", os.environ.get("SSLKEYLOGFILE", ""))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__
        raise Unreachable(f"{_to_blame(file)} cannot be used ({why}): unset it or mend it") from None


@lru_cache(maxsize=8)
def _context(file: str, directory: str, _keys: str) -> ssl.SSLContext:
    """One for all clients of an environment: to read the certificates takes longer than most requests."""
    if file or directory:
        return ssl.create_default_context(cafile=file or None, capath=directory or None)
    return httpx.create_ssl_context(trust_env=False)


def _to_blame(file: str | None) -> str:
    """Which variable a context could not be made for: the file of keys is opened last, and nothing else can fail."""
    log = os.environ.get("SSLKEYLOGFILE")
    if log and not _can_be_written(Path(log)):
        return "SSLKEYLOGFILE"
    return "SSL_CERT_FILE" if file else "SSL_CERT_DIR" if os.environ.get("SSL_CERT_DIR") else "the TLS library"


def _can_be_written(path: Path) -> bool:
    try:
        with path.open("ab"):
            return True
    except OSError:
        return False
