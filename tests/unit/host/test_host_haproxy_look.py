"""Looks at one worker: what is asked, and what is not asked again."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evenload.host.files import StateFiles
from evenload.host.haproxy_answers import read_tables
from evenload.host.haproxy_cuts import Cuts
from evenload.host.haproxy_last_words import LastWords
from evenload.host.haproxy_look import MANY, OLDEST_SERVERS, Look
from evenload.host.haproxy_runtime import PROXY_STATISTICS, SERVER_STATISTICS, STATISTICS, Conversation
from evenload.host.haproxy_statistics import StatisticsReader
from evenload.host.haproxy_workers import Workers
from evenload.model.errors import HostError

LB = "8a1c2a10-0000-4000-8000-000000000001"
HEAD = (
    "# pxname,svname,scur,slim,stot,bin,bout,ereq,status,weight,act,bck,check_rise,check_health,agent_rise,"
    "agent_health,lastchg,check_duration,check_desc,last_chk,check_status,check_code,\n"
)


class Haproxy:
    """Answers as HAProxy does, to many conversations one after the other; ``asked``: the commands.

    ``hangs_up_unanswered``: the next command ends its conversation instead of being answered.
    """

    def __init__(self, path: Path, members: int) -> None:
        self.asked: list[str] = []
        self.conversations = 0
        self.down = 0
        self.second = 0
        self.bytes = 0
        self.hangs_up_unanswered = False
        self._members = members
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._open: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def hang_up(self) -> None:
        assert self._open is not None
        self._open.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._open is not None:
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                self._open, _ = self._listening.accept()
            except OSError:
                return
            self.conversations += 1
            with suppress(OSError), self._open, self._open.makefile("rw") as stream:
                for line in stream:
                    command = line.strip()
                    if command != "prompt":
                        self.asked.append(command)
                        if self.hangs_up_unanswered:
                            self.hangs_up_unanswered = False
                            break
                    stream.write(self._answer(command) + "\n> ")
                    stream.flush()

    def _answer(self, command: str) -> str:
        parts = {STATISTICS: (True, True), PROXY_STATISTICS: (True, False), SERVER_STATISTICS: (False, True)}
        if command not in parts:
            return ""
        proxies, servers = parts[command]
        text = HEAD
        if proxies:
            text += f"web,FRONTEND,0,2000,0,{self.bytes},0,0,OPEN,,,,,,,,,,,,,,\n"
        if servers:
            for number in range(self._members):
                status, health = ("DOWN", 0) if number < self.down else ("UP", 3)
                text += (
                    f"app,m{number},0,,0,0,0,0,{status},1,1,0,2,{health},,,{self.second},{self.second},,ok,L7OK,200,\n"
                )
        if proxies:
            usable = self._members - self.down
            text += f"app,BACKEND,0,200,0,0,0,0,UP,{usable},{usable},0,,,,,{self.second},,,,,,\n"
        return text


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="evl-", dir="/tmp") as directory:
        yield Path(directory) / "socket"


class Watched:
    def __init__(self, path: Path, members: int, *, keeps: bool = False) -> None:
        self.haproxy, self.now = Haproxy(path, members), 100.0
        self.look = Look(path, clock=lambda: self.now, keeps=keeps)

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.look.hang_up()
        self.haproxy.close()

    def pass_second(self) -> None:
        self.now += 1
        self.haproxy.second += 1

    def down(self) -> int:
        return sum(row.status == "DOWN" for row in self.look.rows())


def test_one_conversation_and_the_same_rows_again_where_there_is_no_news(path: Path) -> None:
    with Watched(path, members=2) as watched:
        rows = watched.look.rows()
        watched.pass_second()  # how long ago and how quick the last check was is no news
        assert watched.look.rows() is rows
        watched.haproxy.bytes = 7
        fresh = watched.look.rows()
        assert [row.statistics.bytes_in for row in fresh] == [7, 0, 0, 0]
        assert fresh[1] is rows[1]
        watched.haproxy.down = 1
        assert [row.passing for row in watched.look.rows()] == [None, False, True, None]
        assert watched.haproxy.asked == [STATISTICS] * 4
        assert watched.haproxy.conversations == 1


@pytest.mark.parametrize("members", [2, MANY])
def test_the_answers_themselves_are_kept_where_somebody_wants_them(path: Path, members: int) -> None:
    with Watched(path, members, keeps=True) as watched:
        for bytes_in in (0, 7, 8):  # the second look at many asks for proxies and servers apart
            watched.haproxy.bytes = bytes_in
            watched.pass_second()
            watched.look.rows()
            found = read_tables(watched.look.texts)
            assert len(found) == members + 2
            assert found["web", "FRONTEND"].totals["bytes_in"] == bytes_in
    with Watched(path.with_name("other"), members) as watched:
        watched.look.rows()
        assert watched.look.texts == ()


def test_a_conversation_that_haproxy_ended_is_begun_anew(path: Path) -> None:
    with Watched(path, members=2) as watched:
        assert len(watched.look.rows()) == 4
        watched.haproxy.hang_up()
        assert len(watched.look.rows()) == 4
        assert watched.haproxy.conversations == 2


@pytest.mark.parametrize("members", [2, MANY])
def test_what_is_asked_ahead_is_not_asked_twice(path: Path, members: int) -> None:
    with Watched(path, members) as watched:
        watched.look.ask_ahead()  # before there is a conversation: nothing
        watched.look.rows()
        watched.look.rows()
        asked = len(watched.haproxy.asked)
        for _ in range(2):
            watched.look.ask_ahead()
        assert watched.down() == 0
        assert len(watched.haproxy.asked) == asked + 1
        watched.haproxy.down = 1
        assert watched.down() == 1


def test_a_conversation_that_was_ended_is_begun_anew_though_it_was_asked_ahead(path: Path) -> None:
    with Watched(path, members=2) as watched:
        watched.look.rows()
        watched.haproxy.hangs_up_unanswered = True
        watched.look.ask_ahead()
        assert len(watched.look.rows()) == 4
        assert watched.haproxy.conversations == 2
        watched.haproxy.hang_up()
        watched.look.ask_ahead()
        assert len(watched.look.rows()) == 4
        assert watched.haproxy.conversations == 3


def test_one_that_has_ended_has_no_rows(path: Path) -> None:
    with Watched(path, members=2) as watched:
        watched.look.rows()
        watched.haproxy.close()
        with pytest.raises(HostError):
            watched.look.rows()


def test_many_servers_are_asked_for_where_their_health_shows(path: Path) -> None:
    with Watched(path, members=MANY) as watched:
        assert watched.down() == 0
        watched.look.rows()
        del watched.haproxy.asked[:]
        watched.pass_second()
        rows = watched.look.rows()
        assert (len(rows), watched.look.rows() is rows) == (MANY + 2, True)
        assert watched.haproxy.asked == [PROXY_STATISTICS] * 2
        watched.haproxy.down = 2
        assert watched.down() == 2
        assert watched.haproxy.asked[2:] == [PROXY_STATISTICS, SERVER_STATISTICS]
        watched.look.rows()
        assert watched.haproxy.asked[4:] == [PROXY_STATISTICS]


def test_many_servers_are_asked_for_now_and_then_in_any_case(path: Path) -> None:
    with Watched(path, members=MANY) as watched:
        for _ in range(2):
            watched.look.rows()
        del watched.haproxy.asked[:]
        for _ in range(int(OLDEST_SERVERS)):
            watched.pass_second()
            watched.look.rows()
        assert watched.haproxy.asked.count(SERVER_STATISTICS) == 1


def test_last_words_that_were_kept_meanwhile_are_not_hung_up(path: Path) -> None:
    haproxy = Haproxy(path, members=2)
    try:
        words, kept = LastWords(), Conversation(path)
        words.keep("lb", 1, kept)
        words.hang_up("lb", 1, Conversation.__new__(Conversation))
        assert words.get("lb", 1) is kept
        words.hang_up("lb", 1, kept)
        assert words.get("lb", 1) is None
    finally:
        haproxy.close()


class Racing(LastWords):
    """A reload stores the last words of the worker right after somebody has asked for them in vain."""

    def __init__(self, words: Conversation) -> None:
        super().__init__()
        self._late: Conversation | None = words

    def get(self, load_balancer_id: str, number: int) -> Conversation | None:
        found = super().get(load_balancer_id, number)
        if self._late is not None:
            self.keep(load_balancer_id, number, self._late)
            self._late = None
        return found


def test_a_read_hangs_up_no_words_that_a_reload_has_just_stored(path: Path, tmp_path: Path) -> None:
    haproxy = Haproxy(path, members=2)
    try:
        files = StateFiles(tmp_path)
        workers = Workers(files, tmp_path)
        (files.ensure(LB) / "haproxy-1.sock").touch()  # the worker takes no new conversation any more
        words = Racing(Conversation(path))
        reader = StatisticsReader(workers, words, Cuts(files, workers))
        assert reader.read(LB) == {}
        assert words.get(LB, 1) is not None
        assert len(reader.read(LB)[1]) == 4
        assert words.get(LB, 1) is None  # it is idle, and its last numbers have been read
    finally:
        haproxy.close()
