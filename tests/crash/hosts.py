"""Hosts of their own on this machine: network namespaces with a cable each, that can be pulled. Needs root."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

__all__ = ["Hosts", "hosts"]

_numbers = count(1)


class Hosts:
    """Made by `hosts`. The machine itself is `here` for all of them."""

    def __init__(self, names: dict[str, str], here: str, listening: Callable[[str], str]) -> None:
        self.spaces, self.here, self._listening = names, here, listening
        """name → its namespace"""

    def reaching(self, target: str) -> str:
        """`address:port` at which hosts reach what listens here, on a local port or a socket in a directory."""
        return self._listening(target)

    def pull(self, name: str) -> None:
        """Its cable is out: nothing gets through, and nobody is told."""
        _ip("link", "set", f"v-{self.spaces[name]}", "down")


@contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """So many hosts with a cable each to this machine; OSError where that may not be done."""
    with ExitStack() as stack:
        number = (os.getpid() + next(_numbers)) % 250 + 1  # what an earlier process made goes when it likes
        bridge, here = f"rcb{number}", f"10.213.{number}.1"
        _made(stack, ("link", "add", bridge, "type", "bridge"), ("link", "del", bridge))
        _ip("addr", "add", f"{here}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        spaces = {}
        for at, name in enumerate(names, start=2):
            space = spaces[name] = f"rc{number}-{at}"
            _made(stack, ("netns", "add", space), ("netns", "del", space))
            _made(stack, ("link", "add", f"v-{space}", "type", "veth", "peer", "name", "eth0", "netns", space), ())
            _ip("link", "set", f"v-{space}", "master", bridge, "up")
            for command in (f"addr add 10.213.{number}.{at}/24 dev eth0", "link set eth0 up", "link set lo up"):
                _ip("-n", space, *command.split())
        yield Hosts(spaces, here, stack.enter_context(_doors(here)))


def _made(stack: ExitStack, make: tuple[str, ...], undo: tuple[str, ...]) -> None:
    _ip(*make)
    if undo:
        stack.callback(_ip, *undo)


def _ip(*words: str) -> None:
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise OSError(f"ip {' '.join(words)}: {error.stderr}") from error


@contextmanager
def _doors(here: str) -> Iterator[Callable[[str], str]]:
    """Opens ports of the bridge, each to something that listens for this machine alone."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened(target: str) -> str:
        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, _, port = target.rpartition(":")
            there = asyncio.open_connection(host, int(port)) if port.isdigit() else asyncio.open_unix_connection(target)
            far_reader, far_writer = await there
            await asyncio.gather(_copied(reader, far_writer), _copied(far_reader, writer))

        server = await asyncio.start_server(through, here, 0)
        return f"{here}:{server.sockets[0].getsockname()[1]}"

    try:
        yield lambda target: asyncio.run_coroutine_threadsafe(opened(target), loop).result(10)
    finally:
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        loop.call_soon_threadsafe(lambda: loop.call_later(0, loop.stop))
        thread.join(10)


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
