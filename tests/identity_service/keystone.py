"""A real Keystone for tests: a process of its own on loopback, with SQLite, from the environment that tools/setup made.

It begins with the template's database: the user admin with all rights, and the roles that Keystone itself knows. Who
uses it makes projects, users and roles of his own.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.service import free_port
from tests.waiting import NET, eventually

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".clients" / "keystone"
ADMIN_PASSWORD = "admin's password"
DOMAIN = "default"
_CONFIGURATION = """\
[database]
connection = sqlite:///{at}/keystone.sqlite
[token]
expiration = {self.token_seconds}
[fernet_tokens]
key_repository = {at}/tokens
[fernet_receipts]
key_repository = {at}/tokens
[credential]
key_repository = {at}/credentials
[identity]
password_hash_rounds = 4
"""
_SERVE = Path(__file__).with_name("serve.py")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class Keystone:
    """``token_seconds``: how long tokens are good that are issued from the next start on."""

    def __init__(self, directory: Path) -> None:
        template = ENVIRONMENT / "template"
        assert (template / "complete").exists(), f"{ENVIRONMENT} is missing: run tools/setup test"
        shutil.copytree(template, directory, dirs_exist_ok=True)
        self._directory = directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: str | None = None
        self._roles: dict[str, str] = {}
        self.token_seconds = 3600

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v3"

    def start(self) -> None:
        """Returns when it answers."""
        (self._directory / "keystone.conf").write_text(_CONFIGURATION.format(self=self, at=self._directory))
        command = [str(ENVIRONMENT / "bin" / "python"), "-P", str(_SERVE), str(self._directory), str(self._port)]
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log)
        answers = eventually(lambda: process.poll() is not None or self._answers())
        assert process.poll() is None, f"Keystone ended: {self.tail()}"
        assert answers, f"Keystone does not answer: {self.tail()}"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections, and says nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @property
    def log(self) -> Path:
        return self._directory / "keystone.log"

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    # Asking

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, subject: str | None = None
    ) -> Answer:
        """``subject``: the token that is asked about."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=NET)
        headers = {"Content-Type": "application/json", "X-Auth-Token": token, "X-Subject-Token": subject}
        sent = {name: value for name, value in headers.items() if value is not None}
        try:
            connection.request(method, f"/v3/{path}", json.dumps(body) if body is not None else None, sent)
            response = connection.getresponse()
            content = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, json.loads(content) if content else None)
        finally:
            connection.close()

    def make(self, kind: str, **attributes: Any) -> str:
        """An object by the administrator; returns its id. ``kind``: the word for one of it."""
        return str(self.ask("POST", f"{kind}s", {kind: attributes})[kind]["id"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As administrator; what has to succeed."""
        if self._admin is None:
            self._admin = self.token("admin", ADMIN_PASSWORD, {"project": {"name": "admin", "domain": {"id": DOMAIN}}})
        answer = self.call(method, path, body, token=self._admin)
        assert answer.status < 300, f"{method} {path}: {answer}"
        return answer.body

    def token(self, user: str, password: str, scope: Any = None) -> str:
        """``scope``: Keystone's own word for it; None: unscoped."""
        who = {"user": {"name": user, "password": password, "domain": {"id": DOMAIN}}}
        return self.login({"methods": ["password"], "password": who}, scope)

    def login(self, identity: Any, scope: Any = None) -> str:
        auth = {"identity": identity, **({"scope": scope} if scope is not None else {})}
        answer = self.call("POST", "auth/tokens", {"auth": auth})
        assert answer.status == 201, answer
        return answer.headers["x-subject-token"]

    def offer(self, kind: str, url: str, region: str = "RegionOne") -> str:
        """A service and its endpoint in the catalog; returns the endpoint's id."""
        if all(each["id"] != region for each in self.ask("GET", "regions")["regions"]):
            self.make("region", id=region)
        found = self.ask("GET", f"services?type={kind}")["services"]
        service = found[0]["id"] if found else self.make("service", type=kind, name=kind)
        return self.make("endpoint", url=url, service_id=service, interface="public", region_id=region)

    @contextmanager
    def offered(self, kind: str, url: str, region: str = "RegionOne") -> Iterator[None]:
        """A service in the catalog for that long."""
        endpoint = self.offer(kind, url, region)
        try:
            yield
        finally:
            self.ask("DELETE", f"endpoints/{endpoint}")

    def revoke(self, token: str) -> None:
        answer = self.call("DELETE", "auth/tokens", token=token, subject=token)
        assert answer.status == 204, answer

    def role(self, name: str) -> str:
        """Its id; made where it is missing."""
        if not self._roles:
            self._roles = {each["name"]: each["id"] for each in self.ask("GET", "roles")["roles"]}
        if name not in self._roles:
            self._roles[name] = self.make("role", name=name)
        return self._roles[name]

    def user(self, name: str, password: str, project: str, *roles: str) -> str:
        """With these roles in the project; returns his id."""
        user = self.make("user", name=name, password=password, domain_id=DOMAIN)
        for role in roles:
            self.ask("PUT", f"projects/{project}/users/{user}/roles/{self.role(role)}")
        return user

    def _answers(self) -> bool:
        try:
            return self.call("GET", "").status == 200
        except OSError:
            return False


@contextmanager
def running_keystone() -> Iterator[Keystone]:
    memory = Path("/dev/shm")  # what is lost with the machine need not go to a disk
    with tempfile.TemporaryDirectory(prefix="evenload-keystone-", dir=memory if memory.is_dir() else None) as directory:
        keystone = Keystone(Path(directory))
        try:
            keystone.start()
            keystone.offer("identity", keystone.url)
            yield keystone
        finally:
            keystone.stop()
