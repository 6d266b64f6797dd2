"""Messages to whoever a URL names, by way of Apprise: a chat, a mailbox, a hook. Nothing here ends a run.

Such a URL is a secret as a whole. What is shown of one is which of those given it is, and its scheme.
"""

from __future__ import annotations

import hashlib
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.errors import ReconcilerError, StateError, how_to_install
from reconciler.frozen import dataclass
from reconciler.redact import Redactor, learn, passwords_in, plain
from reconciler.state import State
from reconciler.watching.ended import Ended
from reconciler.watching.transitions import Notice, notices

__all__ = ["Notifier"]

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
DIGITS = 4
"""Of a digest that tells one URL from another in the state: too few to try passwords by."""
LOGGERS = ("apprise", "urllib3")


@dataclass(frozen=True)
class _Target:
    """One that is told."""

    shown: str
    key: str
    """By which the state knows it."""
    service: Any
    hide: Redactor


class _Remembered:
    """What each target was told last: in the state where there is one, and else for as long as this lives."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], dict[str, tuple[str, ...]]] = {}

    def of(self, stack: str, target: str, state: State | None) -> dict[str, dict[str, tuple[str, ...]]]:
        """subject → what is wrong."""
        here = {subject: items for (of, to, subject), items in self._told.items() if (of, to) == (stack, target)}
        if state is None or not state.exists:
            return here
        rows = [it for it in state.last_told() if it.target == target]
        return {it.subject: {name: tuple(parts) for name, parts in it.items.items()} for it in rows} | here

    def note(self, stack: str, target: str, notice: Notice, state: State | None) -> bool:
        """Note that it was told; False when that lasts no longer than this process."""
        self._told[stack, target, notice.subject] = dict(notice.items)
        if state is None or not state.exists:
            return False
        state.note_told(target, notice.subject, notice.items)
        del self._told[stack, target, notice.subject]  # others may tell more from now on
        return True


class Notifier:
    """Tells all targets of one command, or of a watch, what is not as it was when they were told last.

    ReconcilerError for a URL that cannot be used: that is found before the run, in which it would end nothing.
    """

    def __init__(self, urls: Sequence[str], warn: Callable[[str], object]) -> None:
        learn(*urls, *passwords_in(*urls))
        self._warn = warn
        self._targets = [_target(number, url) for number, url in enumerate(urls, 1)]
        self._remembered = _Remembered()

    def tell(self, ended: Ended, state: Callable[[], State | None]) -> int:
        """Tell what there is to tell; gives how many messages did not get through: they are tried again after the next
        run."""
        kept = _opened(state, self._warn) if self._targets else None
        lasting, failed = True, 0
        for target in self._targets:
            for notice in notices(ended, self._known(ended, target, kept)):
                if why := _sent(target, notice):
                    failed += 1
                    self._warn(f"{target.shown} was not told that {notice.title!r}: {why}")
                else:
                    lasting = self._noted(ended, target, notice, kept) and lasting
        if not lasting:
            self._warn("nothing was applied with this state, or it cannot be used: the next run may tell this again")
        return failed

    def _known(self, ended: Ended, target: _Target, state: State | None) -> dict[str, dict[str, tuple[str, ...]]]:
        try:
            return self._remembered.of(ended.stack, target.key, state)
        except StateError as error:  # told twice is better than not at all
            self._warn(f"what was notified before cannot be read: {error}")
            return {}

    def _noted(self, ended: Ended, target: _Target, notice: Notice, state: State | None) -> bool:
        """After it was told: a run that is killed in between tells it twice, and not never."""
        try:
            return self._remembered.note(ended.stack, target.key, notice, state)
        except StateError as error:
            self._warn(f"that it was notified cannot be noted: {error}")
            return True


def _opened(state: Callable[[], State | None], warn: Callable[[str], object]) -> State | None:
    try:
        return state()
    except StateError as error:
        warn(f"what was notified before cannot be read: {error}")
        return None


def _target(number: int, url: str) -> _Target:
    found = SCHEME.match(url)
    scheme = found[0].lower() if found else ""
    shown = f"--notify {number} ({scheme}://…)" if scheme else f"--notify {number}"
    hide = Redactor(_secrets_in(url), shortest=4)
    with _heard() as said:
        service = _service()
        usable = bool(scheme) and service.add(url)
    if not usable:
        why = "it has no scheme, such as slack://" if not scheme else _reason(said, hide, "Apprise does not know it")
        raise ReconcilerError(f"{shown} cannot be used: {why}; for what can be, see https://appriseit.com/services/")
    digest = hashlib.sha256(f"reconciler notification\n{url}".encode(errors="surrogatepass")).hexdigest()
    return _Target(shown, f"{scheme}#{digest[:DIGITS]}", service, hide)


def _service() -> Any:
    """That sends to one address: it keeps nothing on this disk, loads no code from it, and fills in no templates."""
    try:
        import apprise
    except ImportError as error:
        raise ReconcilerError(f"notifications are an extra: {how_to_install('notify')}") from error
    asset = apprise.AppriseAsset(
        app_id="reconciler",
        app_desc="reconciler",
        app_url="",
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        allow_templates=False,
        secure_logging=True,
    )
    return apprise.Apprise(asset=asset)


def _secrets_in(url: str) -> Iterator[str]:
    """Every part of it: which of them is the token is known to its service alone."""
    yield url
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is not closed
        return
    host = parts.netloc.rpartition("@")[2]
    yield from (parts.path.strip("/"), *parts.path.split("/"), *parts.netloc.rpartition("@")[0].split(":"))
    yield from (value for _, value in parse_qsl(parts.query))
    yield from (unquote(part, errors="replace") for part in parts.path.split("/"))
    if "." not in host:
        yield host


def _sent(target: _Target, notice: Notice) -> str:
    """Why it did not get through; '' when it did."""
    with _heard() as said:
        try:
            done = target.service.notify(
                title=notice.title, body=notice.body, notify_type=str(notice.severity), body_format="text"
            )
        except Exception as error:
            said.append(type(error).__name__)
            done = False
    return "" if done else _reason(said, target.hide, "it was not accepted")


def _reason(said: Sequence[str], hide: Redactor, otherwise: str) -> str:
    return plain(hide(said[0])[:300]) if said else otherwise


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What the services' loggers warn of while the block runs, in place of where it would be printed."""
    said: list[str] = []

    class _Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    hearing, before = _Hearing(logging.WARNING), []
    for name in LOGGERS:
        logger = logging.getLogger(name)
        before.append((logger, logger.propagate))
        logger.propagate = False
        logger.addHandler(hearing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of modules of Python's that its plugins still try
            yield said
    finally:
        for logger, propagated in before:
            logger.removeHandler(hearing)
            logger.propagate = propagated
