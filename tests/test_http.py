"""The transport: what is repeated, what is not, and what an answer that is no success becomes."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reconciler.errors import (
    ApiError,
    Conflict,
    FamilyForbidden,
    Forbidden,
    NotFound,
    RateLimited,
    Rejected,
    StateError,
    Unauthorised,
    Unclear,
    Unreachable,
)
from reconciler.http import Http
from reconciler.providers.twelvelabs.limits import CODES
from reconciler.redact import Secret
from reconciler.wire import ApiPath
from tests.support.running import NoTime

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
            client.codes = CODES
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
        (json(403, {"error": {"code": "api_not_allowed", "message": "no"}}), Forbidden, "api_not_allowed", "no"),
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


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("code", ["resource_not_exist", "resource_not_exists"])
def test_only_the_apis_own_word_for_what_does_not_exist_means_gone(status: int, code: str) -> None:
    assert type(ask(json(status, {"code": code, "message": "x"}))[0]) is NotFound
    assert type(ask(json(status, {"error": {"code": code, "message": "x"}}))[0]) is NotFound


@pytest.mark.parametrize("code", ["endpoint_not_exists", "parameter_invalid", "anything_else", "7"])
def test_a_404_with_another_word_says_nothing_of_the_object(code: str) -> None:
    raised, sent = ask(json(404, {"code": code, "message": "x"}))

    assert not isinstance(raised, NotFound)
    assert sent == 1


def test_a_family_of_endpoints_that_the_key_lacks_is_named_and_nothing_is_gone() -> None:
    answer = json(404, {"code": "endpoint_not_exists", "message": "no such endpoint"})

    async def go() -> ApiError:
        transport = httpx.MockTransport(lambda _: answer)
        async with Http("https://a.example/v1.3", headers={}, transport=transport, clock=NoTime()) as client:
            client.codes = CODES
            with pytest.raises(FamilyForbidden) as raised:
                await client.request(
                    "DELETE", ApiPath("/indexes") / "6a0f" + "/indexed-assets" + (ApiPath("") / "6b1e")
                )
            return raised.value

    error = asyncio.run(go())
    assert str(error).endswith(
        "404 endpoint_not_exists: no such endpoint; this key may not use /indexes/*/indexed-assets/*, "
        "which says nothing of what is there: use a key that may"
    )
    assert error.exit_code == 5


def test_an_object_that_may_not_be_read_is_another_accounts_or_gone_and_the_key_is_not_blamed() -> None:
    raised, sent = ask(json(403, {"code": "read_not_allowed", "message": "not authorized to read entity 6a"}))

    assert type(raised) is Forbidden
    assert "it is another account's, or gone" in str(raised)
    assert "check TWELVELABS_API_KEY" not in str(raised)
    assert sent == 1


@pytest.mark.parametrize(
    "body",
    [
        {"code": "internal_error", "message": "try later"},
        {"code": "internal_error", "message": "try later", "docs_url": "https://x", "request_id": "7"},
        {"error": {"code": "internal_error", "message": "try later"}},
        {"error": "try later"},
        {"error_code": 7, "message": "try later"},
        {"detail": "try later"},
        {"detail": [{"loc": ["body"], "msg": "try later"}]},
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_that_carries_an_error_is_none(body: Any, status: int) -> None:
    raised, sent = ask(json(status, body), method="POST", json={})
    assert (type(raised), raised.status, sent) == (Unclear, 0, 1)
    assert f"POST /things: {status}, but the answer is an error (" in str(raised)
    assert "try later" in str(raised)

    assert ask(json(status, body), OK, method="PUT", json={}) == ({"ok": True}, 2)


def test_a_failed_object_is_no_error_envelope() -> None:
    failed = {"_id": "6a", "status": "failed", "error": {"message": "broken file"}}

    assert ask(json(200, failed)) == (failed, 1)


@pytest.mark.parametrize("body", ["text", ["list"], 5, None, {"code": None, "message": None}])
def test_an_error_of_any_shape_is_an_error_and_no_traceback(body: Any) -> None:
    assert isinstance(ask(json(400, body))[0], ApiError)
    assert isinstance(ask(json(500, body), method="POST")[0], ApiError)


def test_before_each_request_that_writes_somebody_is_asked() -> None:
    asked: list[int] = []

    async def go() -> tuple[int, int]:
        async def ask() -> None:
            asked.append(client.sent)

        transport = httpx.MockTransport(lambda _: json(503) if len(asked) == 1 else OK)
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime()) as client:
            client.before_write = ask
            await client.request("GET", "/things")
            await client.request("PUT", "/things/1", json={})  # is repeated once
            await client.elsewhere.request("PUT", "https://storage.example/1", content=b"x")
            return client.sent, client.sent_writes

    assert asyncio.run(go()) == (4, 3)
    assert asked == [1, 2, 3]


def test_nothing_is_sent_when_a_write_is_forbidden_by_us() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return OK

    async def lost() -> None:
        raise StateError("the lock is lost")

    async def go() -> int:
        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime()) as client:
            client.before_write = lost
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(StateError, match="the lock is lost"):
                    await client.request(method, "/things/1", json={})
            with pytest.raises(StateError, match="the lock is lost"):
                await client.elsewhere.request("PUT", "https://storage.example/1", content=b"x")
            return client.sent

    assert asyncio.run(go()) == 0
    assert seen == []


def test_a_page_of_html_where_json_is_due_says_so() -> None:
    raised, _ = ask(httpx.Response(200, text="<!DOCTYPE html><title>Welcome</title>"))

    assert "is this the API's address?" in str(raised)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_key_is_in_no_message_even_when_the_server_echoes_it(status: int) -> None:
    raised, _ = ask(json(status, {"code": "x", "message": f"your key {KEY} is odd"}), method="POST", json={})

    assert KEY not in str(raised)
    assert KEY not in repr(raised)


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


def test_a_form_of_texts_leaves_in_one_piece() -> None:
    pieces: list[int] = []

    def keep(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        pieces.append(len(list(request.stream)))
        return OK

    ask(keep, method="POST", form={"method": "url", "url": "https://example.com/a.mp4", "user_metadata": "{}"})

    assert pieces == [1]


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


def told(error: BaseException) -> str:
    """All that an error lets out: its text, its attributes, its chain, and the traceback as it is printed."""
    parts = traceback.format_exception(error)
    link: BaseException | None = error
    while link is not None:
        parts += [repr(link), repr(vars(link)), repr(getattr(link, "_request", None))]
        link = link.__cause__ or link.__context__
    return "\n".join(parts)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError(f"no {KEY}"),
        httpx.ReadError(f"no {KEY}"),
        httpx.DecodingError(f"no {KEY}"),
        httpx.LocalProtocolError(f"Illegal header value b'{KEY}'"),
        httpx.Response(200, text=f'{{"echo": "{KEY}'),
        json(400, {"code": KEY, "message": "x"}),
        json(400, {"code": KEY * 9, "message": "x" * 250 + KEY}),
        json(422, {"detail": [{"loc": ["header", KEY], "msg": KEY}]}),
        httpx.Response(500, text=KEY),
        httpx.Response(302, headers={"location": f"https://me:{KEY}@elsewhere.example/x?key={KEY}"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_key_is_nowhere_in_an_error_or_its_chain(trouble: Answer, method: str) -> None:
    raised, _ = ask(trouble, method=method, json={} if method == "POST" else None)

    assert isinstance(raised, ApiError)
    assert KEY not in told(raised)
    assert KEY[:8] not in str(raised)


def test_an_error_is_chained_to_what_caused_it() -> None:
    raised, _ = ask(httpx.ReadTimeout("slow"), method="POST")

    assert type(raised.__cause__) is httpx.ReadTimeout
    assert str(raised.__cause__) == "slow"


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
def test_a_token_is_hidden_without_its_scheme_too(headers: dict[str, str]) -> None:
    client = Http("https://me:pass%20word@api.example.com", headers=headers, clock=NoTime())

    assert client._veil(f"{KEY} pass word pass%20word me") == "*** *** *** me"
    assert KEY not in repr(client)


def test_values_from_the_environment_are_hidden_when_the_server_echoes_them() -> None:
    secret = Secret("hunter2hunter2", "${env.TOKEN}")
    echo = json(400, {"message": "what is hunter2hunter2?"})

    for sent in ({"json": {"list": [{"token": secret}]}}, {"form": {"token": secret}}, {"query": {"token": secret}}):
        raised, _ = ask(echo, method="POST", **sent)
        assert str(raised) == "POST /things: 400 what is ***?"


def test_an_address_of_storage_is_shown_without_its_signature() -> None:
    url = "https://storage.example/bucket/1?X-Signature=0123456789abcdef"
    answer = httpx.Response(403, text="<Error>0123456789abcdef is too old</Error>")

    async def go() -> ApiError:
        transport = httpx.MockTransport(lambda _: answer)
        async with Http(
            "https://api.example.com", headers={"x-api-key": KEY}, transport=transport, clock=NoTime()
        ) as it:
            with pytest.raises(ApiError) as raised:
                await it.elsewhere.request("PUT", url, content=b"x", repeatable=False)
            return raised.value

    assert str(asyncio.run(go())) == (
        "PUT /bucket/1: 403 <Error>*** is too old</Error>; the URL may have been used, or be too old"
    )


def test_storage_never_sees_the_key_and_counts_as_ours() -> None:
    seen: list[httpx.Headers] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return OK

    async def go() -> tuple[int, int]:
        transport = httpx.MockTransport(handle)
        async with Http(
            "https://api.example.com", headers={"x-api-key": KEY}, transport=transport, clock=NoTime()
        ) as it:
            await it.elsewhere.request("PUT", "https://storage.example/1", content=b"x")
            await it.request("GET", "/things")
            return it.sent, it.sent_writes

    assert asyncio.run(go()) == (2, 1)
    assert ["x-api-key" in headers for headers in seen] == [False, True]


def test_a_message_of_the_server_is_one_line_of_at_most_256_characters() -> None:
    raised, _ = ask(json(400, {"message": "a\n\x1b[31mb\x00" + "c" * 500}))

    assert str(raised).startswith("GET /things: 400 a [31mb c")
    assert str(raised).isprintable()
    assert len(str(raised)) == len("GET /things: 400 ") + 256


def test_what_is_wrong_where_is_read_out_of_a_list() -> None:
    detail = [{"loc": ["body", "name"], "msg": "field required", "type": "x"}, {"msg": "no"}]

    raised, _ = ask(json(422, {"detail": detail}))

    assert str(raised) == "GET /things: 422 body.name: field required; no"


@pytest.mark.parametrize(
    ("answer", "repeatable", "error", "sent"),
    [
        (json(408), False, Unclear, 1),
        (json(408), True, Rejected, 6),
        (httpx.Response(303, headers={"location": "/x"}), False, Unclear, 1),
        (httpx.DecodingError("cut"), False, Unclear, 1),
        (httpx.Response(200, text="<html>"), False, Unclear, 1),
        (httpx.Response(200, text="<html>"), True, Unclear, 1),
        (httpx.Response(200, text="[" * 100_000), False, Unclear, 1),
        (json(501), True, Unclear, 1),
        (json(503), True, Unclear, 6),
        (httpx.UnsupportedProtocol("no http"), True, Rejected, 1),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), True, Unreachable, 1),
    ],
    ids=[
        "408 of a create",
        "408 of a read",
        "303 of a create",
        "a broken archive",
        "HTML after a create",
        "HTML is not asked for again",
        "JSON that is too deep",
        "501 will not change",
        "503",
        "no address",
        "a certificate will not change",
    ],
)
def test_only_what_may_help_is_repeated(answer: Answer, repeatable: bool, error: type[ApiError], sent: int) -> None:
    raised, requests = ask(answer, method="POST", repeatable=repeatable)

    assert (type(raised), requests) == (error, sent)
    assert ("(tried 6 times)" in str(raised)) == (sent == 6)


@pytest.mark.parametrize(
    ("header", "date", "waited_s"),
    [
        ("11", None, 11),
        ("2.5", None, 2.5),
        ("Sat, 21 Nov 2026 04:00:30 GMT", "Sat, 21 Nov 2026 04:00:00 GMT", 30),
        ("Sat, 21 Nov 2026 03:00:00 GMT", "Sat, 21 Nov 2026 04:00:00 GMT", 0),
        ("soon", None, 0),
        ("-5", None, 0),
    ],
    ids=["seconds", "a fraction", "a date by the server's clock", "a date that is over", "a word", "a negative number"],
)
def test_retry_after_is_waited_for(header: str, date: str | None, waited_s: float) -> None:
    clock = NoTime()
    dated = {"date": date} if date else {}

    ask(json(503, None, **{"retry-after": header}, **dated), OK, clock=clock)

    assert waited_s <= clock.slept_s <= waited_s + 0.5


DAY = {  # as the live service was seen to answer
    "retry-after": "11382",
    "date": "Sat, 21 Nov 2026 04:00:00 GMT",
    "x-ratelimit-limit": "100",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": str(1_795_233_600 + 11382),
    "x-ratelimit-used": "100",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("left_out", ["", "retry-after", "x-ratelimit-reset"])
def test_a_limit_that_opens_in_hours_is_not_waited_for_and_says_when(method: str, left_out: str) -> None:
    clock = NoTime()
    headers = {name: value for name, value in DAY.items() if name != left_out}

    raised, sent = ask(json(429, {"code": "too_many_requests", "message": "x"}, **headers), clock=clock, method=method)

    assert type(raised) is RateLimited
    assert str(raised) == (
        f"{method} /things: 429 too_many_requests: x; it takes no such requests before 2026-11-21 07:09:42 UTC: "
        "run again then"
    )
    assert raised.resumes == datetime(2026, 11, 21, 7, 9, 42, tzinfo=UTC)
    assert (sent, clock.slept_s, raised.retry_after_s) == (1, 0.0, None)


def test_what_a_spent_limit_would_refuse_is_not_sent_and_all_else_is() -> None:
    clock = NoTime()
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path}")
        return json(429, None, **DAY) if len(seen) == 1 else OK

    async def go() -> list[Any]:
        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={}, transport=transport, clock=clock) as client:
            one, other = (ApiPath.filled("/indexes/{index}/x", index=id) for id in ("6a", "7b"))
            calls = [("POST", one), ("POST", other), ("GET", one), ("POST", "/assets")]
            first = [(await asyncio.gather(client.request(*call), return_exceptions=True))[0] for call in calls]
            await clock.sleep(11382)
            return [*first, await client.request("POST", other)]

    first, second, *others = asyncio.run(go())
    assert (type(first), str(second)) == (RateLimited, str(first))
    assert second is not first
    assert others == [{"ok": True}] * 3
    assert seen == ["POST /indexes/6a/x", "GET /indexes/6a/x", "POST /assets", "POST /indexes/7b/x"]


def test_a_wait_that_a_server_asks_for_is_told_once_however_many_wait() -> None:
    told: list[tuple[float, str]] = []

    async def go(refusal: httpx.Response, count: int) -> None:
        given = [refusal]
        transport = httpx.MockTransport(lambda _: given.pop() if given else OK)
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime()) as client:
            client.on_wait = lambda seconds, why: told.append((seconds, why))
            await asyncio.gather(*(client.request("GET", "/things") for _ in range(count)))

    asyncio.run(go(json(429, None, **{"retry-after": "40"}), 30))
    assert told == [(40.0, "the API asks for it (429)")]

    asyncio.run(go(json(503, None, **{"retry-after": "20"}), 1))
    assert told[1:] == [(20.0, "the API asks for it (503)")]

    asyncio.run(go(json(429, None, **{"retry-after": "2"}), 30))
    assert len(told) == 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "9" * 400, "\xff", "Sat, 99 Nov 99999 04:00:30 GMT"])
def test_a_wait_that_is_none_is_no_traceback(value: str) -> None:
    names = (b"retry-after", b"x-ratelimit-reset")
    odd = httpx.Response(429, headers=[(name, value.encode("latin-1")) for name in names])

    assert isinstance(ask(odd, method="POST")[0], RateLimited)


def together(*answers: httpx.Response, count: int, clock: NoTime, connections: int = 12) -> tuple[Http, list[float]]:
    """Send `count` reads at once; when each arrived."""
    given = list(answers)
    arrived: list[float] = []

    async def handle(_: httpx.Request) -> httpx.Response:
        arrived.append(clock.now())
        answer = given.pop(0) if len(given) > 1 else given[0]
        await asyncio.sleep(0)
        return answer

    async def go() -> Http:
        async with Http(
            "https://api.example.com",
            headers={},
            transport=httpx.MockTransport(handle),
            clock=clock,
            connections=connections,
            chance=random.Random(1),
        ) as client:
            await asyncio.gather(*(client.request("GET", ApiPath("/things") / str(number)) for number in range(count)))
            return client

    return asyncio.run(go()), arrived


def test_requests_that_are_refused_together_halve_the_pace_once() -> None:
    client, arrived = together(*[json(429) for _ in range(12)], OK, count=12, clock=NoTime())

    assert len(arrived) == 24
    assert client.rate_per_s is not None
    assert client.rate_per_s >= 5.0  # half of the assumed ten, and not 10 / 2¹²


def test_after_retry_after_nobody_leaves_before_it_is_over() -> None:
    refusal = json(429, None, **{"retry-after": "20"})

    _, arrived = together(refusal, OK, count=30, clock=NoTime(), connections=3)

    assert sum(moment < 20 for moment in arrived) <= 3  # what was under way with it


def test_when_the_api_says_that_none_is_left_only_such_requests_wait() -> None:
    clock = NoTime()
    date, reset = "Sat, 21 Nov 2026 04:00:00 GMT", str(1_795_233_600 + 45)
    none_left = json(200, {}, **{"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "date": date})
    arrived: list[tuple[str, float]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        arrived.append((request.method + request.url.path, clock.now()))
        return none_left if len(arrived) == 1 else OK

    async def go() -> None:
        transport = httpx.MockTransport(handle)
        async with Http("https://api.example.com", headers={}, transport=transport, clock=clock) as client:
            await client.request("POST", ApiPath("/indexes") / "6a" + "/indexed-assets")
            await client.request("GET", ApiPath("/indexes") / "6a" + "/indexed-assets")
            await client.request("POST", ApiPath("/indexes") / "7b" + "/indexed-assets")

    asyncio.run(go())
    assert [moment for _, moment in arrived] == [0.0, 0.0, 45.0]


def test_no_more_requests_are_under_way_than_connections() -> None:
    under_way, most = 0, 0

    async def handle(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return OK

    async def go() -> None:
        transport = httpx.MockTransport(handle)
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime(), connections=5) as client:
            await asyncio.gather(*(client.request("GET", "/things") for _ in range(40)))

    asyncio.run(go())
    assert most == 5


def test_a_list_in_a_query_becomes_a_repeated_key() -> None:
    seen: list[str] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query.decode())
        return OK

    ask(keep, query={"asset_ids": ["a", "b"], "page": 1, "force": True})

    assert seen == ["asset_ids=a&asset_ids=b&page=1&force=true"]


def test_streamed_content_is_sent_whole_again() -> None:
    class Twice:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"all "
            yield b"of it"

    seen: list[bytes] = []

    async def keep(request: httpx.Request) -> httpx.Response:
        seen.append(await request.aread())
        return json(503) if len(seen) == 1 else OK

    async def go() -> None:
        async with Http(
            "https://api.example.com", headers={}, transport=httpx.MockTransport(keep), clock=NoTime()
        ) as client:
            await client.request("PUT", "/things", content=Twice())

    asyncio.run(go())
    assert seen == [b"all of it", b"all of it"]


@pytest.mark.parametrize("address", ["https://host:port", "https://[::1", "https://me:s3cret@host:port"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(address: str) -> None:
    with pytest.raises(Unreachable, match="the address of the API cannot be used") as raised:
        Http(address, headers={}, clock=NoTime())

    assert "s3cret" not in str(raised.value)


def test_what_reads_by_post_is_a_read() -> None:
    """Sent again like any read, no write in any count, and nobody has to prove the lock for it."""
    asked: list[str] = []

    async def nobody() -> None:
        raise AssertionError("nobody is asked before a read")

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return OK if len(asked) > 1 else json(503)

    async def go() -> tuple[Any, int, int]:
        transport = httpx.MockTransport(handle)
        async with Http("https://api.example.com", headers={}, transport=transport, clock=NoTime()) as client:
            client.before_write = nobody
            answer = await client.request("POST", "/things", json={"filters": {}}, reads=True)
            return answer, client.sent, client.sent_writes

    assert asyncio.run(go()) == ({"ok": True}, 2, 0)
    assert asked == ["POST", "POST"]


@pytest.mark.parametrize("status", [400, 404])
def test_a_code_that_no_provider_declares_proves_nothing(status: int) -> None:
    """Absent is never concluded from a word of an API that nobody has told us of."""

    async def go() -> ApiError:
        transport = httpx.MockTransport(lambda _: json(status, {"code": "resource_not_exists", "message": "gone"}))
        async with Http("https://a.example", headers={}, transport=transport, clock=NoTime()) as client:
            with pytest.raises(ApiError) as raised:
                await client.request("GET", "/things/x")
            return raised.value

    assert type(asyncio.run(go())) is Rejected
