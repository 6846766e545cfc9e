"""One look: the database, the roles and the processes, put together. Owns no thread and keeps nothing between looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

from sqlalchemy.engine import make_url

from evenload.host.files import StateFiles
from evenload.host.glimpses import HaproxyGlimpse, read_haproxy
from evenload.main.accounts import find_account
from evenload.main.settings import Settings
from evenload.main.status.joined import Found, join_one, join_overview
from evenload.main.status.judged import Bounds, judge_service
from evenload.main.status.roles import look_at_agent, look_at_server
from evenload.main.status.stored import StoredState
from evenload.model.errors import EvenloadError, HostError
from evenload.model.sight import Sight

Document = dict[str, Any]


class NoSuch(EvenloadError):
    """The word names no load balancer, or several; there is nothing to show."""


@dataclass(frozen=True, slots=True)
class Look:
    """``document``: of docs/look.md."""

    document: Document

    @property
    def well(self) -> bool:
        return bool(self.document["well"])


class Looks:
    """To be made before the first look, while the program can be read. Raises EvenloadError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._account = find_account(settings.server.user)
        self._stored = StoredState(settings, self._account)
        self._files = StateFiles(settings.host.state_dir)
        self._version = version("evenload")
        self._bounds = Bounds(pending=settings.pending_timeout, silence=settings.server.agent_down_time)

    def all(self) -> Look:
        """Raises EvenloadError where neither the database nor the agent can be looked at."""
        stored, reason = self._read_stored(None)
        agent, sight = look_at_agent(self._settings, self._account, None)
        if stored is None and sight is None:
            raise EvenloadError(f"neither the database ({reason}) nor the agent ({agent['reason']}) can be looked at")
        return Look(join_overview(self._found(stored, reason, agent, sight)))

    def one(self, word: str) -> Look:
        """Raises NoSuch, and EvenloadError where the database, which has the names, cannot be read."""
        stored, reason = self._read_stored(_canonical(word))
        if stored is None:
            raise EvenloadError(f"the database, which has the names, cannot be read: {reason}")
        tree = stored.get("load_balancer")
        if tree is None:
            raise NoSuch(_say_candidates(word, stored["candidates"]))
        agent, sight = look_at_agent(self._settings, self._account, tree["id"])
        found = self._found(stored, reason, agent, sight)
        return Look(join_one(found, tree, self._glimpse(tree["id"]), stored.get("events", ())))

    def _read_stored(self, word: str | None) -> tuple[Document | None, str | None]:
        try:
            return (self._stored.overview() if word is None else self._stored.one(word)), None
        except EvenloadError as error:
            return None, str(error)

    def _glimpse(self, load_balancer_id: str) -> HaproxyGlimpse | None:
        try:
            return read_haproxy(self._files, load_balancer_id)
        except HostError:
            return None

    def _found(self, stored: Document | None, reason: str | None, agent: Document, sight: Sight | None) -> Found:
        now = datetime.now(UTC)
        hosts = [] if stored is None else [self._host(each, now) for each in stored["agents"]]
        name = self._settings.host_name
        service: Document = {
            "version": self._version,
            "host": name,
            "server": look_at_server(self._settings),
            "agent": {**agent, "last_word": next((each["last_word"] for each in hosts if each["name"] == name), None)},
            "database": {
                "state": "unreadable" if stored is None else "readable",
                "kind": make_url(self._settings.database).get_backend_name(),
                "schema": None if stored is None else stored["schema"],
                "reason": reason,
            },
            "hosts": hosts,
        }
        service["wrong"] = judge_service(service)
        return Found(now=now, service=service, stored=stored, sight=sight, bounds=self._bounds)

    def _host(self, agent: Document, now: datetime) -> Document:
        silence = now - datetime.fromisoformat(agent["last_word"])
        return {**agent, "away": silence > self._bounds.silence}


def _canonical(word: str) -> str:
    """Addresses as the database has them."""
    try:
        return str(ip_address(word))
    except ValueError:
        return word


def _say_candidates(word: str, candidates: Sequence[Document]) -> str:
    if not candidates:
        return f"there is no load balancer '{word}': a name, an id, a VIP's address or the id of a part is asked for"
    shown = [f"  {each['id']}  {each['vip'] or ''}  project {each['project']}" for each in candidates[:20]]
    more = [] if len(candidates) <= 20 else [f"  … and {len(candidates) - 20} more"]
    return "\n".join(
        [
            f"{len(candidates)} load balancers are called '{word}', or have it as address or part; take the id of one:",
            *shown,
            *more,
        ]
    )
