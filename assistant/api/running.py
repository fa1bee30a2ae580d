"""Turns that run behind requests: each in a thread of its own, stopped when its client goes away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.requests import Request

from assistant.api.problems import Problem
from assistant.events import Event, Finished
from assistant.messages import TurnRecord

MOST = 64
"""Requests that may run at once; one more is told to come back later, so that the page keeps its threads."""

Value = TypeVar("Value")


class RunningRequests:
    """The requests that are being worked on. Used from the server's own thread, but for `stop_all`."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._stops: set[threading.Event] = set()

    def __len__(self) -> int:
        return len(self._stops)

    def start(self) -> threading.Event:
        """Begin one; set the event to stop its work, and hand it to `end` when all is over.

        Raises:
            Problem: too many are running.
        """
        if len(self._stops) >= self._most:
            message = f"{self._most} requests are running, as many as there may be at once. Try again later."
            raise Problem(429, message, code="rate_limit_exceeded", headers={"Retry-After": "5"})
        stop = threading.Event()
        self._stops.add(stop)
        return stop

    def end(self, stop: threading.Event) -> None:
        """It is over; what still runs of it is stopped."""
        stop.set()
        self._stops.discard(stop)

    def stop_all(self) -> None:
        """Stop them all; each ends with what it has."""
        for stop in list(self._stops):
            stop.set()

    @asynccontextmanager
    async def one(self, request: Request) -> AsyncGenerator[threading.Event]:
        """Work on one request whose body has been read; the event is set when its client goes away.

        Raises:
            Problem: too many are running.
        """
        stop = self.start()
        try:
            async with stopped_by_leaving(request, stop):
                yield stop
        finally:
            self.end(stop)


@asynccontextmanager
async def stopped_by_leaving(request: Request, stop: threading.Event) -> AsyncGenerator[None]:
    """Set the event when the client of a request goes away. The request's body must have been read."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        stop.set()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def in_thread(work: Callable[[], Value]) -> Value:
    """What a function returns, run in a thread of its own: the pool that the page uses stays free."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Value] = loop.create_future()

    def deliver(value: Value | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # pyright: ignore[reportArgumentType] - it is the value where there is no error

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except Exception as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(deliver, value, error)

    threading.Thread(target=run, name="glassbox-request", daemon=True).start()
    return await done


async def events_of(turn: Callable[[], Iterator[Event]]) -> AsyncIterator[Event]:
    """The events of a turn that runs in a thread of its own."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[Event | Exception | None] = asyncio.Queue()

    def put(item: Event | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(arrived.put_nowait, item)

    def run() -> None:
        try:
            for event in turn():
                put(event)
        except Exception as failure:
            put(failure)
        put(None)

    threading.Thread(target=run, name="glassbox-request", daemon=True).start()
    while (item := await arrived.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


async def finished(turn: Callable[[], Iterator[Event]]) -> TurnRecord:
    """The record of a turn, once it is over."""
    async for event in events_of(turn):
        if isinstance(event, Finished):
            return event.record
    raise RuntimeError("run_turn ended without a Finished event")
