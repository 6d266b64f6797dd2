"""Proxies and certificates of the environment: a mistake is one line that names the variable, and holds no password."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import httpx
import pytest

from reconciler.errors import ApiError, Refused, Unreachable
from reconciler.http import Http
from reconciler.http.environment import address_of, proxy_for, trusted
from tests.support.running import NoTime

PASSWORD = "s3cr3t#hush"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own counts."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL"):
            monkeypatch.delenv(name)


def ask(url: str) -> ApiError:
    """The error of a request to an address on which nobody listens."""

    async def go() -> ApiError:
        async with Http(url, headers={"x-api-key": "tlk_secret"}, clock=NoTime()) as client:
            with pytest.raises(ApiError) as raised:
                await client.request("GET", "/things")
            return raised.value

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("listed", "host", "port", "direct"),
    [
        ("127.0.0.1,fd00::/8", "127.0.0.1", 80, True),
        ("127.0.0.1,[::1]", "127.0.0.1", 80, True),
        ("[::1]", "::1", 80, True),
        ("::1", "[::1]", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("[fd00::]/8", "fd12::1", 80, True),
        ("fd00::/8", "fe80::1", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.1/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "ten.example", 80, False),
        ("example.com", "api.example.com", 80, True),
        (".example.com", "api.example.com", 80, True),
        ("*.example.com", "API.example.com", 80, True),
        ("example.com", "badexample.com", 80, False),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 80, False),
        ("127.0.0.1:9", "127.0.0.1", 9, True),
        ("http://example.com", "example.com", 80, True),
        (" a , b ,", "b", 80, True),
        ("*", "anything", 80, True),
        (",, ,", "anything", 80, False),
        ("[", "anything", 80, False),
        ("", "anything", 80, False),
    ],
)
def test_no_proxy_names_hosts_networks_and_ports(
    listed: str, host: str, port: int, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", listed)

    assert proxy_for("http", host, port) == (None if direct else "http://proxy.example:3128")


def test_the_variable_of_the_scheme_counts_before_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.example")
    assert proxy_for("https", "a.example") == "http://all.example"

    monkeypatch.setenv("https_proxy", "one.example:3128")
    assert proxy_for("https", "a.example") == "http://one.example:3128"
    assert proxy_for("http", "a.example") == "http://all.example"

    monkeypatch.setenv("https_proxy", "")
    assert proxy_for("https", "a.example") is None


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    [
        f"http://user:{PASSWORD}@127.0.0.1:1",
        "http://proxy.example:99999",
        "http://proxy.example:port",
        "http://[::1",
        "ftp://proxy.example",
        "http://",
        "http:///path",
        "http://proxy.example/path?x=1",
        "\x00",
        "://",
    ],
)
def test_a_proxy_address_that_is_none_is_told_by_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "\x00" in value:
        value = " :0"  # an environment cannot hold the other
    monkeypatch.setenv(name, value)

    error = ask("http://api.example.com")

    assert type(error) is Unreachable
    assert str(error).startswith(f"{name} is not a valid proxy address")
    assert "hush" not in str(error) and "s3cr" not in str(error)
    assert "\n" not in str(error)


def test_a_socks_proxy_without_its_package_says_what_to_install_or_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setattr("reconciler.http.environment.find_spec", lambda _: None)

    assert str(ask("http://api.example.com")) == (
        "ALL_PROXY names a SOCKS proxy, for which a package is missing: pip install 'httpx[socks]', unset ALL_PROXY, "
        "or name the host in NO_PROXY"
    )

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "127.0.0.1:1 cannot be reached" in str(ask("http://127.0.0.1:1"))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_told_by_their_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "/nonexistent.pem")

    assert str(ask("https://127.0.0.1:1")).startswith(f"{name} names a ")


def test_certificates_that_are_none_are_told_by_their_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.pem").write_text("garbage")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "x.pem"))

    assert str(ask("https://127.0.0.1:1")).startswith("SSL_CERT_FILE cannot be used (")


def test_a_file_of_keys_that_cannot_be_written_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/nonexistent/keys.log")

    assert str(ask("https://127.0.0.1:1")).startswith("SSLKEYLOGFILE cannot be used (")


def test_an_environment_without_mistakes_is_trusted() -> None:
    assert trusted().get_ca_certs()


def test_certificates_are_read_once_for_all_clients_and_anew_for_another_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trusted()
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))

    assert trusted() is not first
    monkeypatch.delenv("SSLKEYLOGFILE")
    assert trusted() is first


def test_what_a_proxy_says_of_its_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    password = "hush hush/s3cr3t"
    quoted = "hush%20hush%2Fs3cr3t"
    monkeypatch.setenv("HTTP_PROXY", f"http://somebody:{quoted}@proxy.example:3128")
    echo = f"{password} {quoted} {base64.b64encode(f'somebody:{password}'.encode()).decode()}"

    async def go(answer: httpx.Response) -> ApiError:
        transport = httpx.MockTransport(lambda _: answer)
        async with Http("http://api.example.com", headers={}, transport=transport, clock=NoTime()) as client:
            with pytest.raises(ApiError) as raised:
                await client.request("GET", "/things")
            return raised.value

    for answer in (httpx.Response(407, text=echo), httpx.Response(407, json={"message": echo})):
        error = asyncio.run(go(answer))
        assert type(error) is Unreachable
        assert "the proxy wants other credentials" in str(error)
        for part in ("s3cr3t", "hush", "c29tZWJvZHk6"):
            assert part not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "  ",
        "api.example.com",
        "//api.example.com",
        "ftp://api.example.com",
        "https://",
        "https:///v1.3",
        "https://api.example.com:99999/",
        "https://api.example.com:0/",
        "https://api.example.com:port/",
        f"https://me:{PASSWORD}@api.example.com/",
        "https://[::1",
        "https://a.example/?x=1",
        "https://a b.example/",
        "https://a.example/\n",
    ],
)
def test_an_address_that_is_none_is_told_by_who_gave_it(url: str) -> None:
    with pytest.raises(Unreachable, match=r"^--endpoint is (empty|not a valid address): [ -~]+$") as raised:
        address_of(url, "--endpoint")

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1.3",
        "http://127.0.0.1:8099/v1.3",
        "http://127.8.8.8",
        "http://[::1]:80/",
        "http://LOCALHOST:8099",
        "http://api.localhost",
        "https://10.0.0.1",
    ],
)
def test_a_key_is_sent_over_https_or_to_this_machine(url: str) -> None:
    assert address_of(url, "--endpoint") == url


@pytest.mark.parametrize(
    "url", ["http://api.example.com/v1.3", "http://10.0.0.1", "http://localhost.example", "HTTP://a"]
)
def test_a_key_is_not_sent_in_clear_unless_it_is_asked_for(url: str) -> None:
    with pytest.raises(Refused, match=r"^TWELVELABS_BASE_URL is http:.* in clear .* --allow-http$"):
        address_of(url, "TWELVELABS_BASE_URL")

    assert address_of(url, "TWELVELABS_BASE_URL", allow_http=True) == url


def test_for_an_address_without_tls_no_certificates_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")

    assert "SSL_CERT_FILE" not in str(ask("http://127.0.0.1:1"))
    assert "SSL_CERT_FILE names a file that is not there" in str(ask("https://127.0.0.1:1"))
