"""Passwords in front of the threads, with a real server, real connections and checks that last until a test lets go."""

import base64
import http.client
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from tests.waiting import NET, eventually

from evenload.api.auth.http_basic import read_credentials
from evenload.api.auth.identity import LOGIN, Caller, Credentials, Header, Login, Refusal
from evenload.main.http.fair_queue import Room
from evenload.main.http.login_queue import Checks, LoginQueue, _source
from evenload.main.http.server import HttpServer

RIGHT = b"right"


class Passwords:
    """``known`` need no check. A check lasts until ``let_go`` was called once for it, or for all of them."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.checked: list[str] = []
        self.recognised: list[str] = []
        self._go = threading.Semaphore(0)

    def recognise(self, header: Header) -> Login | Credentials:
        found = read_credentials(header("authorization"))
        if isinstance(found, Refusal):
            return found
        self.recognised.append(found.name)
        return self.recall(found) or found

    def recall(self, claim: Credentials) -> Caller | None:
        known = claim.name in self.known and claim.password == RIGHT
        return Caller(claim.name, "blue", ()) if known else None

    def check(self, claim: Credentials) -> Login:
        self.checked.append(claim.name)
        assert self._go.acquire(timeout=NET)
        if claim.name == "fault":
            raise RuntimeError("a fault of the check")
        if claim.password != RIGHT:
            return Refusal.WRONG
        self.known.add(claim.name)
        return Caller(claim.name, "blue", ())

    def let_go(self, number: int = 1) -> None:
        self._go.release(number)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Tells what reaches it: who, and how much of the body."""
    login = environ[LOGIN]
    who = login.user_id if isinstance(login, Caller) else login.name
    content = f"{who} {len(environ['wsgi.input'].read())}".encode()
    start_response("200 OK", [("Content-Length", str(len(content)))])
    return [content]


class Client:
    """Requests beside each other, each over a connection of its own."""

    def __init__(self, port: int, threads: ThreadPoolExecutor) -> None:
        self._port = port
        self._threads = threads

    def ask(self, name: str, password: str = "right", *, address: str = "127.0.0.1", **given: Any) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=NET, source_address=(address, 0))
        encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {encoded}", **given.get("headers", {})}
        try:
            connection.request("POST", "/", given.get("body"), headers)
            answer = connection.getresponse()
            return answer.read().decode().strip()
        finally:
            connection.close()

    def begin(self, *arguments: Any, **given: Any) -> Future[str]:
        return self._threads.submit(self.ask, *arguments, **given)


@contextmanager
def serving(passwords: Passwords, **given: Any) -> Iterator[Client]:
    trust = given.pop("trust_forwarded", False)
    logins = LoginQueue(passwords, Checks(**{"threads": 1, "pause": 0.0, **given}), trust_forwarded=trust)
    server = HttpServer(application, host="127.0.0.1", port=0, threads=1, logins=logins)
    server.start()
    with ThreadPoolExecutor(64) as threads:
        try:
            yield Client(server.port, threads)
        finally:
            passwords.let_go(1000)
            server.stop()


def test_who_is_known_waits_for_no_check() -> None:
    """With a single thread for all requests, and one for checks that is taken."""
    passwords = Passwords("ann")
    with serving(passwords) as client:
        flood = [client.begin("root", f"wrong {number}") for number in range(8)]
        assert eventually(lambda: len(passwords.recognised) == 8)
        assert [client.ask("ann") for _ in range(20)] == ["ann 0"] * 20
        assert passwords.checked == ["root"]
        assert not any(each.done() for each in flood)
        passwords.let_go(8)
        assert [each.result(NET) for each in flood] == ["WRONG 0"] * 8


@pytest.mark.parametrize(("address", "name"), [("127.0.0.2", "root"), ("127.0.0.1", "ann")])
def test_a_first_login_waits_for_one_check(address: str, name: str) -> None:
    """From elsewhere, be it by the very name that the flood has; or from the flood's own address by another name."""
    passwords = Passwords()
    with serving(passwords) as client:
        for number in range(8):
            client.begin("root", f"wrong {number}")
        assert eventually(lambda: len(passwords.recognised) == 8)
        first = client.begin(name, address=address)
        assert eventually(lambda: len(passwords.recognised) == 9)
        passwords.let_go(3)  # the flood's that is made, the flood's that is next, and this one at the latest
        assert first.result(NET) == f"{name} 0"
        assert eventually(lambda: len(passwords.checked) == 4)


def test_a_first_login_beside_ever_new_names_waits_for_each_of_them_once() -> None:
    passwords = Passwords()
    with serving(passwords) as client:
        for number in range(8):
            client.begin(f"n{number}", "wrong")
        assert eventually(lambda: len(passwords.recognised) == 8)
        first = client.begin("ann")
        assert eventually(lambda: len(passwords.recognised) == 9)
        passwords.let_go(9)
        assert first.result(NET) == "ann 0"


def test_the_same_credentials_are_checked_once_for_all_who_wait() -> None:
    passwords = Passwords()
    with serving(passwords) as client:
        first = [client.begin("ann") for _ in range(10)]
        assert eventually(lambda: len(passwords.recognised) == 10)
        passwords.let_go()
        assert [each.result(NET) for each in first] == ["ann 0"] * 10
        assert passwords.checked == ["ann"]


def test_who_became_known_while_waiting_is_not_checked_again() -> None:
    passwords = Passwords()
    with serving(passwords) as client:
        both = [client.begin("ann")]
        assert eventually(lambda: passwords.checked)
        both.append(client.begin("ann", address="127.0.0.2"))
        assert eventually(lambda: len(passwords.recognised) == 2)
        passwords.let_go()
        assert [each.result(NET) for each in both] == ["ann 0"] * 2
        assert passwords.checked == ["ann"]


def test_who_finds_no_room_is_told_so() -> None:
    passwords = Passwords("ann")
    with serving(passwords, room=Room(name=2)) as client:
        flood = [client.begin("root", f"wrong {number}") for number in range(5)]
        assert eventually(lambda: sum(each.done() for each in flood) == 2)  # one is checked, two wait
        assert {each.result() for each in flood if each.done()} == {"TOO_MANY 0"}
        assert client.ask("ann") == "ann 0"


def test_nothing_is_kept_of_the_body_of_who_is_refused() -> None:
    passwords = Passwords("ann")
    with serving(passwords) as client:
        passwords.let_go()
        assert client.ask("ann", "wrong", body=b"x" * 100_000) == "WRONG 0"
        assert client.ask("ann", body=b"x" * 100_000) == "ann 100000"


def test_a_fault_of_a_check_ends_one_request_alone() -> None:
    passwords = Passwords("ann")
    with serving(passwords) as client:
        passwords.let_go(2)
        assert client.ask("fault") == "Internal server error"
        assert client.ask("bob") == "bob 0"


def test_without_credentials_nobody_waits() -> None:
    passwords = Passwords()
    with serving(passwords) as client:
        assert client.ask("x", headers={"Authorization": "Bearer abc"}) == "MISSING 0"
        assert client.ask("x", headers={"Authorization": "Basic !!!"}) == "UNREADABLE 0"
        assert passwords.checked == []


@pytest.mark.parametrize("trusted", [True, False])
def test_behind_a_proxy_the_address_that_it_names_counts(trusted: bool) -> None:
    """The last of the header alone: what stands before came from the client."""
    passwords = Passwords()
    with serving(passwords, trust_forwarded=trusted, room=Room(address=1, name=1)) as client:
        first = client.begin("a", headers={"X-Forwarded-For": "192.0.2.9, 192.0.2.1"})
        assert eventually(lambda: passwords.checked)
        others = [
            client.begin(f"n{number}", headers={"X-Forwarded-For": f"192.0.2.9, 192.0.2.{number}"}) for number in (1, 2)
        ]
        assert eventually(lambda: len(passwords.recognised) == 3)
        passwords.let_go(3)
        assert first.result(NET) == "a 0"
        refused = [each.result(NET) for each in others].count("TOO_MANY 0")
        assert refused == (0 if trusted else 1)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_where_somebody_comes_from(address: str, source: str) -> None:
    assert _source(address) == source


def test_nobody_waits_longer_than_his_patience_for_one_who_does_not_answer() -> None:
    """The only thread for checks is taken: who waits for it, and who waits for a turn at it, is told so."""
    passwords = Passwords()
    with serving(passwords, patience=0.05) as client:
        assert client.ask("ann") == "UNAVAILABLE 0"
        assert [client.ask(f"user{number}") for number in range(3)] == ["UNAVAILABLE 0"] * 3
        assert eventually(lambda: passwords.checked == ["ann"])


def test_who_waits_no_longer_takes_no_place() -> None:
    passwords = Passwords()
    with serving(passwords, patience=0.05, room=Room(name=1, address=2, all=3)) as client:
        assert [client.ask(f"user{number}") for number in range(6)] == ["UNAVAILABLE 0"] * 6
        assert eventually(lambda: passwords.checked == ["user0"])


def test_a_check_that_ends_after_all_gave_up_counts_for_those_who_come_again() -> None:
    passwords = Passwords()
    with serving(passwords, patience=0.05) as client:
        assert client.ask("ann") == "UNAVAILABLE 0"
        passwords.let_go()
        assert eventually(lambda: "ann" in passwords.known)
        assert client.ask("ann") == "ann 0"
        assert passwords.checked == ["ann"]
