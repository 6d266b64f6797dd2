"""The transport: what is repeated, what is not, and what an answer that is no success becomes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.errors import (
    ApiError,
    Conflict,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorised,
    Unclear,
    Unreachable,
)
from reconciler.http import Http
from tests.running import NoTime

KEY = "tlk_very_secret_key"
Answer = httpx.Response | Exception


def ask(
    *answers: Answer | Callable[[httpx.Request], httpx.Response],
    method: str = "GET",
    clock: NoTime | None = None,
    **options: Any,
) -> tuple[Any, int]:
    """Send one request to a server that gives these answers in turn, the last for ever; (result, requests sent)."""
    given = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    async def go() -> tuple[Any, int]:
        async with Http(
            "https://api.example.com/v1.3",
            headers={"x-api-key": KEY},
            transport=httpx.MockTransport(handle),
            clock=clock or NoTime(),
            chance=random.Random(1),
            key_hint="check TWELVELABS_API_KEY",
        ) as client:
            try:
                return await client.request(method, "/things", **options), client.sent
            except ApiError as error:
                return error, client.sent

    return asyncio.run(go())


def json(status: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


OK = json(200, {"ok": True})


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
        json(429),
        json(500, {"code": "x", "message": "y"}),
        json(503),
        httpx.Response(200, text='{"ok": tr'),
    ],
    ids=["refused", "time-out", "reset", "cut", "429", "500", "503", "truncated JSON"],
)
def test_a_read_is_repeated_until_it_is_answered(trouble: Answer) -> None:
    assert ask(trouble, trouble, OK) == ({"ok": True}, 3)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.ReadTimeout("slow"), Unclear),
        (httpx.WriteError("reset"), Unclear),
        (httpx.RemoteProtocolError("cut"), Unclear),
        (json(502), Unclear),
        (httpx.Response(201, text='{"_id": "a'), Unclear),
        (json(429, {"code": "too_many_requests", "message": "slow"}, **{"retry-after": "7"}), RateLimited),
    ],
    ids=["time-out", "reset", "cut", "502", "truncated JSON", "429"],
)
def test_a_create_is_sent_once_and_its_unclear_answer_is_told(trouble: Answer, error: type[ApiError]) -> None:
    raised, sent = ask(trouble, OK, method="POST", json={})

    assert type(raised) is error
    assert sent == 1


def test_a_create_of_which_nothing_was_sent_is_repeated() -> None:
    assert ask(httpx.ConnectError("refused"), OK, method="POST", json={}) == ({"ok": True}, 2)


def test_a_server_that_is_not_there_is_given_up_with_its_name() -> None:
    raised, sent = ask(httpx.ConnectError("refused"))

    assert type(raised) is Unreachable
    assert "api.example.com cannot be reached" in str(raised)
    assert sent == 6


@pytest.mark.parametrize(
    ("answer", "error", "code", "words"),
    [
        (
            json(401, {"code": "api_key_invalid", "message": "bad key"}),
            Unauthorised,
            "api_key_invalid",
            "TWELVELABS_API_KEY",
        ),
        (json(403, {"error": {"code": "api_not_allowed", "message": "no"}}), Unauthorised, "api_not_allowed", "no"),
        (json(404, {"code": "resource_not_exists", "message": "gone"}), NotFound, "resource_not_exists", "gone"),
        (json(400, {"code": "resource_not_exist", "message": "gone"}), NotFound, "resource_not_exist", "gone"),
        (json(400, {"error_code": 7, "message": "token"}), Rejected, "7", "token"),
        (json(409, {"code": "asset_in_use", "message": "used"}), Conflict, "asset_in_use", "used"),
        (json(422, {"detail": "wrong"}), Rejected, "", "wrong"),
        (httpx.Response(400), Rejected, "", "GET /things: 400"),
        (httpx.Response(404), NotFound, "", "GET /things: 404"),
        (httpx.Response(404, text="<html>nope</html>"), Rejected, "", "is this the API's address?"),
        (httpx.Response(404, text="404 page not found"), Rejected, "", "page not found"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), Rejected, "", "not followed"),
    ],
    ids=[
        "flat",
        "nested",
        "404",
        "gone as 400",
        "error_code",
        "409",
        "detail",
        "empty",
        "404 without a body",
        "404 as HTML is not the API's",
        "404 as text is not the API's",
        "redirect",
    ],
)
def test_every_envelope_becomes_the_error_that_its_status_means(
    answer: httpx.Response, error: type[ApiError], code: str, words: str
) -> None:
    raised, sent = ask(answer)

    assert type(raised) is error
    assert raised.code == code
    assert words in str(raised)
    assert sent == 1


def test_a_page_of_html_where_json_is_due_says_so() -> None:
    raised, _ = ask(httpx.Response(200, text="<!DOCTYPE html><title>Welcome</title>"))

    assert "is this the API's address?" in str(raised)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_key_is_in_no_message_even_when_the_server_echoes_it(status: int) -> None:
    raised, _ = ask(json(status, {"code": "x", "message": f"your key {KEY} is odd"}), method="POST", json={})

    assert KEY not in str(raised)
    assert KEY not in repr(raised)
    assert raised.__cause__ is None


def test_retry_after_is_waited_for() -> None:
    clock = NoTime()

    ask(json(429, None, **{"retry-after": "11"}), OK, clock=clock)

    assert clock.slept_s >= 11


def test_after_a_429_requests_leave_more_slowly_and_faster_again_with_success() -> None:
    clock = NoTime()
    answers = iter([json(429), *[OK] * 400])

    async def go() -> list[float]:
        async with Http(
            "https://api.example.com",
            headers={},
            transport=httpx.MockTransport(lambda _: next(answers)),
            clock=clock,
            chance=random.Random(1),
        ) as client:
            rates = []
            for _ in range(100):
                await client.request("GET", "/things")
                rates.append(client.rate_per_s or 0.0)
            return rates

    rates = asyncio.run(go())
    assert rates[0] < 10
    assert rates == sorted(rates)
    assert rates[-1] > rates[0]


def test_an_empty_answer_of_success_is_none() -> None:
    assert ask(httpx.Response(204), method="DELETE") == (None, 1)


def test_forms_are_multipart_with_words_for_booleans_and_a_part_for_each_item() -> None:
    seen: list[bytes] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request.read())
        return OK

    ask(keep, method="POST", form={"flag": True, "many": ["a", "b"]})

    assert seen[0].count(b'name="many"') == 2
    assert b"\r\n\r\ntrue\r\n" in seen[0]


@pytest.mark.parametrize("key", ["schlüssel", "tlk_key\n", " tlk_key", "tlk\x00key"])
def test_a_key_that_no_header_can_carry_is_an_error_without_it(key: str) -> None:
    with pytest.raises(Unauthorised, match="no header can carry; check the API key") as raised:
        Http("https://api.example.com", headers={"x-api-key": key}, clock=NoTime())

    assert key.strip() not in str(raised.value)
