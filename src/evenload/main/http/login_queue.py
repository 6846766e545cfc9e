"""Who somebody is, is found out before his request gets one of the API's threads: who is known never waits behind who
is not.

The check of a password takes a processor for a quarter of a second, that of a token waits for another service. Threads
of their own make them: for passwords one less than there are processors, with a lower priority than all the rest of the
service. Who waits for one costs a place in a fair queue, no thread, and no memory for a body. Where there is no room
any more one is refused after a pause: who comes again at once shall not keep the service busy with refusals.
"""

import asyncio
import contextlib
import functools
import ipaddress
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic

from evenload.api.auth.identity import Caller, ClaimCheck, ClaimT, Header, Login, Refusal, Restricted
from evenload.main.http.fair_queue import FairQueue, Room
from evenload.tally import UNCOUNTED, Counting


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """``threads``: checks at the same time; None: one less than there are processors. ``nice``: their priority.
    ``patience``: seconds after which nobody waits any longer; None: as long as it takes. ``pause``: seconds before one
    is refused for whom there was no room."""

    threads: int | None = None
    nice: int = 0
    room: Room = field(default_factory=Room)
    patience: float | None = None
    pause: float = 1.0


PASSWORDS = Checks(nice=5)
_LEAST_PATIENCE = 10.0


def for_tokens(patience: float) -> Checks:
    """They wait for another service, which takes up to ``patience`` seconds, not for a processor; and one address has
    many users, where a dashboard is."""
    return Checks(threads=8, room=Room(address=256, all=1024), patience=max(_LEAST_PATIENCE, patience))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[ClaimT]):
    address: str
    claim: ClaimT
    login: "asyncio.Future[Login]"


class LoginQueue(Generic[ClaimT]):
    """``trust_forwarded``: the address is the last one of X-Forwarded-For, which a proxy in front has put there.

    ``admit`` belongs to one event loop.
    """

    def __init__(
        self,
        check: ClaimCheck[ClaimT],
        checks: Checks,
        *,
        trust_forwarded: bool = False,
        counting: Counting = UNCOUNTED,
    ) -> None:
        self._check = check
        self._counting = counting
        self._checks = checks
        self._free = checks.threads or max(1, len(os.sched_getaffinity(0)) - 1)
        self._trust_forwarded = trust_forwarded
        self._threads = ThreadPoolExecutor(
            self._free,
            thread_name_prefix="login",
            initializer=functools.partial(_stand_back, checks.nice) if checks.nice else None,
        )
        self._queue = FairQueue[_Waiting[ClaimT]](checks.room)
        self._by_claim: dict[tuple[str, ClaimT], _Waiting[ClaimT]] = {}

    async def admit(self, header: Header, address: str) -> Login:
        """Who is known has the answer at once. The same claim from the same address is checked once for all who wait
        with it."""
        found = self._check.recognise(header)
        if isinstance(found, Caller | Restricted | Refusal):
            return found
        forwarded_for = header("x-forwarded-for") if self._trust_forwarded else None
        if forwarded_for is not None:
            address = forwarded_for.rpartition(",")[2].strip()
        source = _source(address)
        waiting = self._by_claim.get((source, found))
        if waiting is None:
            waiting = _Waiting(source, found, asyncio.get_running_loop().create_future())
            self._by_claim[source, found] = waiting
            gone = self._queue.put(source, found.name, waiting)
            if gone is not None:
                self._end(gone, Refusal.TOO_MANY)
            self._begin_checks()
        # Where one of them gives up, the others wait on.
        self._counting.add("logins_waiting")
        try:
            done, _ = await asyncio.wait((waiting.login,), timeout=self._checks.patience)
        finally:
            self._counting.add("logins_waiting", amount=-1.0)
        if not done:
            self._queue.discard(source, found.name, waiting)
            self._end(waiting, Refusal.UNAVAILABLE)  # for all who wait with him: he came first
        login = waiting.login.result()
        self._counting.add("logins_total", (login.name.lower() if isinstance(login, Refusal) else "accepted",))
        if login is Refusal.TOO_MANY:
            await asyncio.sleep(self._checks.pause)
        return login

    def stop(self) -> None:
        """From any thread. A check in progress ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin_checks(self) -> None:
        while self._free and (waiting := self._queue.take()) is not None:
            known = self._check.recall(waiting.claim)  # by a check that ended meanwhile
            if known is not None:
                self._end(waiting, known)
                continue
            check = asyncio.get_running_loop().run_in_executor(self._threads, self._check.check, waiting.claim)
            self._free -= 1
            check.add_done_callback(functools.partial(self._checked, waiting))

    def _checked(self, waiting: _Waiting[ClaimT], check: "asyncio.Future[Login]") -> None:
        self._free += 1
        if check.cancelled():
            self._end(waiting, Refusal.TOO_MANY)
        elif (fault := check.exception()) is None:
            self._end(waiting, check.result())
        elif not waiting.login.done():
            self._forget(waiting)
            waiting.login.set_exception(fault)
        self._begin_checks()

    def _end(self, waiting: _Waiting[ClaimT], login: Login) -> None:
        if not waiting.login.done():
            self._forget(waiting)
            waiting.login.set_result(login)

    def _forget(self, waiting: _Waiting[ClaimT]) -> None:
        del self._by_claim[waiting.address, waiting.claim]


def _stand_back(nice: int) -> None:
    with contextlib.suppress(OSError):  # a container may forbid it; the checks are made all the same
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def _source(address: str) -> str:
    """Who has one IPv6 address has 2**64 of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
