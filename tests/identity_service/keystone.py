"""A real Keystone for tests: a process of its own on loopback, with SQLite, from the environment that tools/setup made.

It begins with the template's database: the user admin with all rights, and the roles that Keystone itself knows. Who
uses it makes projects, users and roles of his own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.foreign_service import Answer, ForeignService, in_memory

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


class Keystone(ForeignService):
    """``token_seconds``: how long tokens are good that are issued from the next start on."""

    def __init__(self, directory: Path) -> None:
        super().__init__("keystone", directory, _SERVE, "/v3/")
        self._admin: str | None = None
        self._roles: dict[str, str] = {}
        self.token_seconds = 3600

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def configuration(self) -> str:
        return _CONFIGURATION.format(self=self, at=self._directory)

    # Asking

    def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, subject: str | None = None
    ) -> Answer:
        """``subject``: the token that is asked about."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": subject}
        sent = {name: value for name, value in headers.items() if value is not None}
        return self.request(method, f"/v3/{path}", body, sent)

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


@contextmanager
def running_keystone() -> Iterator[Keystone]:
    with in_memory("keystone") as directory:
        keystone = Keystone(directory)
        try:
            keystone.start()
            keystone.offer("identity", keystone.url)
            yield keystone
        finally:
            keystone.stop()
