"""What is held open for a project: its account, its state and the lock.

Entered, it asks for the key, makes the transport or the emulator in its place, and the drivers. The state is opened
when something of it is asked, and to write only under the lock. What is heavy is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reconciler.project import access
from reconciler.project.options import ProjectOptions

if TYPE_CHECKING:
    from reconciler.apply import Doing
    from reconciler.checks import Checked
    from reconciler.engine import Limits, Planning
    from reconciler.http import Clock
    from reconciler.model import Paused, Stack
    from reconciler.planfile import Saved
    from reconciler.provider import Drivers
    from reconciler.state import State

__all__ = ["Door"]

LEAST_CONNECTIONS, READING = 12, 4
"""How many requests are under way at once at least; and how many reads may be, beside as many writes as are asked for.
"""


class Door:
    """One stack, with its account and its state at hand once it is entered (`async with`)."""

    on_locked: Callable[[str], object] = staticmethod(lambda _: None)
    """Told who holds the stack while it is waited for."""
    on_page: Callable[[str, int], object] = staticmethod(lambda kind, count: None)
    """Told of each page of a list that is read: of which kind, and of how many objects."""

    def __init__(
        self,
        stack: Stack,
        options: ProjectOptions | None = None,
        *,
        path: Path = Path(),
        saved: Saved | None = None,
        on_pause: Callable[[Paused], object] = lambda _: None,
    ) -> None:
        self.stack, self.options, self.path, self.saved = stack, options or ProjectOptions(), path, saved
        self.on_pause = on_pause
        """Told of each pause that falls into no apply."""
        self._state: State | None = None
        self._may_write = False
        self._command: str | None = None
        """What holds the lock."""
        self._fresh: Planning | None = None
        """The last plan that was made under the lock: nobody can have moved anything since but the API's users."""
        self.doing: Doing | None = None
        """Who sends what creates need, if not this process."""
        self.room = 0
        """How many steps at least are under way at once, because others do them."""
        self._drivers: Drivers | None = None
        self._spent = (0, 0)
        self._exits = AsyncExitStack()
        self.gates: list[Checked] = []
        """Checks that were run before something was replaced."""

    # Opening

    @property
    def clock(self) -> Clock:
        """By which this run waits."""
        return self._opened().hands.clock

    @property
    def account(self) -> str:
        """Which account it is about: its address, and a few digits that tell its key from others."""
        from reconciler.planfile import account_of

        address, _, digits = account_of(*access.account(self.stack.provider, self.options)).rpartition("#")
        return f"{address}, key #{digits[:4]}" if self.options.emulator is False else "the emulator"

    @property
    def drivers(self) -> Drivers:
        """Those of its account."""
        return self._opened()

    @property
    def requests(self) -> int:
        """How many requests were sent since it was opened."""
        return self._opened().http.sent

    async def __aenter__(self) -> Self:
        from reconciler.files import Files, Sending
        from reconciler.http import Http, SystemClock
        from reconciler.provider import Drivers, Hands, provider

        chosen, options = provider(self.stack.provider), self.options
        address, key = access.account(self.stack.provider, options)  # first: without a key nothing is opened
        transport = None
        if options.emulator is not False:
            address, transport = access.in_process(self.stack, options)
        clock = SystemClock()
        http = Http(
            address,
            headers=chosen.access.headers(key),
            transport=transport,
            clock=clock,
            connections=max(LEAST_CONNECTIONS, options.parallelism + READING),
            key_hint=f"check the key in {chosen.access.key_variables[0]}",
        )
        http.on_wait = self._paused
        if (keeper := access.keeper(self.stack.provider, options, address, key)) is not None:
            http.share(keeper, self.stack.name, access.limits(self.stack))
        await self._exits.enter_async_context(http)
        sending = Sending(
            Files(self.stack.root),
            clock=clock,
            parallelism=options.upload_parallelism,
            bytes_per_s=options.bandwidth,
        )
        shelf = access.shelf(self.stack, options)
        self._exits.callback(shelf.close)
        self._drivers = Drivers(chosen, Hands(http, sending, clock, self.stack.root, shelf, self._page_read))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._spent = self.spent
        self._drivers = None
        await self._exits.aclose()
        if self._command is None:
            self.close()

    def close(self) -> None:
        """Let go of the state: by itself at the end of `async with`, unless the lock is held outside of that."""
        if self._state is not None:
            self._state.close()
            self._state = None

    def _page_read(self, kind: str, count: int) -> None:
        self.on_page(kind, count)

    def _paused(self, seconds: float, why: str) -> None:
        from reconciler.model import Paused

        self.on_pause(Paused(round(seconds), why))

    @property
    def spent(self) -> tuple[int, int]:
        """How many requests were sent, and how many of them were to change something; also after it was left."""
        http = self._drivers.hands.http if self._drivers else None
        return (http.sent, http.sent_writes) if http else self._spent

    @property
    def account_shown(self) -> str:
        """Which account it is, as may be shown: its host, and a digest of the key; '' without a key."""
        return access.shown(self.stack.provider, self.options)

    @property
    def state(self) -> State:
        """What was last applied. Nothing is made for a look: where there is no state yet, it is empty."""
        return self._opened_state(may_write=False)

    def _opened_state(self, *, may_write: bool) -> State:
        if self._state is not None and may_write and not self._may_write:
            self.close()
        if self._state is None:
            root, name = self.stack.root, self.stack.name
            self._state = access.open_state(name, root, self.options, create=may_write)
            self._state.busy = True
            self._may_write = may_write
        return self._state

    @contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Hold the stack while the block runs: what is planned in it is planned for good, and applied without another
        look. Locked, naming the holder, when somebody else does."""
        state = self._opened_state(may_write=True)
        with state.lock(command, self.options.lock_timeout, self.on_locked):
            self._command = command
            try:
                yield
            finally:
                self._command = self._fresh = None

    @property
    def is_locked(self) -> bool:
        """Whether the stack is held by this project."""
        return self._command is not None

    def prove_when_woken(self) -> None:
        """For a signal handler, after the process was asleep: StateError when the lock is lost."""
        self.state.prove_when_woken()

    def _opened(self) -> Drivers:
        if self._drivers is None:
            raise RuntimeError("the project is not open: use `async with reconciler.open(…) as project`")
        return self._drivers

    def limits(self) -> Limits:
        """How much at once, how long, how often."""
        from reconciler.engine import Limits

        in_memory, asked = self.options.emulator is not False, self.options.poll_interval
        return Limits(
            parallelism=max(self.options.parallelism, self.room), poll_s=0.0 if asked is None and in_memory else asked
        )

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """The lock, unless it is held."""
        with nullcontext() if self._command else self.lock(command):
            yield
