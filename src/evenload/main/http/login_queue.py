"""Passwords are checked before a request gets one of the API's threads: who is known never waits behind who is not.

A check takes a processor for a quarter of a second. Threads of their own make them, one less than there are processors,
with a lower priority than all the rest of the service. Who waits for one costs a place in a fair queue, no thread, and
no memory for a body. Where there is no room any more one is refused after a pause: who comes again at once shall not
keep the service busy with refusals.
"""

import asyncio
import contextlib
import functools
import ipaddress
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from evenload.api.auth.identity import Credentials, Login, PasswordCheck, Refusal
from evenload.main.http.fair_queue import FairQueue, Room

_NICE = 5
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    address: str
    credentials: Credentials
    login: "asyncio.Future[Login]"


class LoginQueue:
    """``threads``: checks at the same time; ``pause``: seconds before one is refused for whom there was no room;
    ``trust_forwarded``: the address is the last one of X-Forwarded-For, which a proxy in front has put there.

    ``admit`` belongs to one event loop.
    """

    def __init__(
        self,
        passwords: PasswordCheck,
        *,
        trust_forwarded: bool = False,
        threads: int | None = None,
        room: Room | None = None,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._passwords = passwords
        self._free = threads or max(1, len(os.sched_getaffinity(0)) - 1)
        self._trust_forwarded = trust_forwarded
        self._pause = pause
        self._threads = ThreadPoolExecutor(self._free, thread_name_prefix="login", initializer=_stand_back)
        self._queue = FairQueue[_Waiting](room or Room())
        self._by_credentials: dict[tuple[str, Credentials], _Waiting] = {}

    async def admit(self, authorization: str | None, address: str, forwarded_for: str | None = None) -> Login:
        """Who is known has the answer at once. The same credentials from the same address are checked once for all who
        wait with them."""
        found = self._passwords.recognise(authorization)
        if not isinstance(found, Credentials):
            return found
        if self._trust_forwarded and forwarded_for is not None:
            address = forwarded_for.rpartition(",")[2].strip()
        source = _source(address)
        waiting = self._by_credentials.get((source, found))
        if waiting is None:
            waiting = _Waiting(source, found, asyncio.get_running_loop().create_future())
            self._by_credentials[source, found] = waiting
            gone = self._queue.put(source, found.name, waiting)
            if gone is not None:
                self._end(gone, Refusal.TOO_MANY)
            self._begin_checks()
        login = await asyncio.shield(waiting.login)  # where one of them gives up, the others wait on
        if login is Refusal.TOO_MANY:
            await asyncio.sleep(self._pause)
        return login

    def stop(self) -> None:
        """From any thread. A check in progress ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin_checks(self) -> None:
        while self._free and (waiting := self._queue.take()) is not None:
            caller = self._passwords.recall(waiting.credentials)  # by a check that ended meanwhile
            if caller is not None:
                self._end(waiting, caller)
                continue
            check = asyncio.get_running_loop().run_in_executor(
                self._threads, self._passwords.check, waiting.credentials
            )
            self._free -= 1
            check.add_done_callback(functools.partial(self._checked, waiting))

    def _checked(self, waiting: _Waiting, check: "asyncio.Future[Login]") -> None:
        self._free += 1
        if check.cancelled():
            self._end(waiting, Refusal.TOO_MANY)
        elif (fault := check.exception()) is not None:
            self._forget(waiting)
            waiting.login.set_exception(fault)
        else:
            self._end(waiting, check.result())
        self._begin_checks()

    def _end(self, waiting: _Waiting, login: Login) -> None:
        self._forget(waiting)
        waiting.login.set_result(login)

    def _forget(self, waiting: _Waiting) -> None:
        del self._by_credentials[waiting.address, waiting.credentials]


def _stand_back() -> None:
    with contextlib.suppress(OSError):  # a container may forbid it; the checks are made all the same
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _source(address: str) -> str:
    """Who has one IPv6 address has 2**64 of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
