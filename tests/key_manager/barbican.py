"""A real Barbican for tests, with SQLite and a key of its own for its database, which asks the tests' Keystone whose
tokens are.

Nothing else belongs to it: no queue, no worker, no listener to Keystone.
"""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.foreign_service import ForeignService, in_memory
from tests.identity_service.keystone import DOMAIN, Keystone

PASSWORD = "barbican's own secret"
_CONFIGURATION = """\
[DEFAULT]
host_href = http://127.0.0.1:{self.port}
[database]
connection = sqlite:///{at}/barbican.sqlite
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = {self.key}
[queue]
enable = False
[keystone_authtoken]
auth_type = password
auth_url = {self.keystone.url}
interface = public
username = barbican
user_domain_name = Default
password = {password}
project_name = {self.project}
project_domain_name = Default
"""
_SERVE = Path(__file__).with_name("serve.py")


class Barbican(ForeignService):
    """``project``: the name of the one that its own user is made in."""

    def __init__(self, directory: Path, keystone: Keystone, project: str = "barbican") -> None:
        super().__init__("barbican", directory, _SERVE, "/")
        self.keystone = keystone
        self.project = project
        self.key = base64.urlsafe_b64encode(os.urandom(32)).decode()

    @property
    def url(self) -> str:
        """As it stands in catalogs: without the version."""
        return f"http://127.0.0.1:{self.port}"

    def configuration(self) -> str:
        return _CONFIGURATION.format(self=self, at=self._directory, password=PASSWORD)

    def register(self) -> None:
        """Its user, who may ask Keystone."""
        self.keystone.user(
            "barbican", PASSWORD, self.keystone.make("project", name=self.project, domain_id=DOMAIN), "service"
        )


@contextmanager
def running_barbican(keystone: Keystone) -> Iterator[Barbican]:
    with in_memory("barbican") as directory:
        barbican = Barbican(directory, keystone)
        barbican.register()
        try:
            barbican.start()
            yield barbican
        finally:
            barbican.stop()
