"""Requests to Barbican through openstacksdk: where it is, who asks, how long one waits, how much one reads.

Drawn in only where Barbican is configured: openstacksdk costs half a second and memory. What clients send as a
reference never decides which host is asked.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.session import Session
from openstack.connection import Connection
from openstack.exceptions import SDKException
from openstack.key_manager.v1._proxy import Proxy
from requests import RequestException
from urllib3.exceptions import HTTPError

from evenload.model.errors import KeeperUnavailable, StoreUnavailable
from evenload.model.secret import SecretBytes
from evenload.secrets.respite import Respite

SERVICE_TYPE = "key-manager"
MOST_BYTES = 1024 * 1024
_CHUNK = 16 * 1024
_NOWHERE = "http://127.0.0.1:9/v1"
"""Said before it is known, so that openstacksdk discovers nothing."""
_AWAY = (exceptions.ClientException, SDKException, RequestException, HTTPError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarbicanPlace:
    """``endpoint`` None: Keystone's catalog says where. ``timeout``: seconds for which one answer is waited for."""

    endpoint: str | None = None
    region_name: str | None = None
    interface: str = "public"
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """``content`` may be a payload."""

    status: int
    content: SecretBytes

    @property
    def found(self) -> bool:
        return self.status == 200

    def json(self) -> Any:
        """Raises StoreUnavailable where it is none."""
        try:
            return json.loads(self.content.expose())
        except ValueError as error:
            raise StoreUnavailable("Barbican answered with something that is no JSON") from error


class BarbicanClient:
    """``session`` is the service's own user's. Of any thread."""

    def __init__(self, session: Session, place: BarbicanPlace) -> None:
        self._session = session
        self._place = place
        self._respite = Respite(time.monotonic)
        self._lock = threading.Lock()
        self._proxy: Any = None
        # Whoever makes this may read the program's files; who asks later perhaps not, so it is not made then. The
        # connection's own way to a proxy would ask Keystone.
        self._made: Any = Proxy(session=session, service_type=SERVICE_TYPE, endpoint_override=_NOWHERE)
        self._made._connection = Connection(session=session)

    @property
    def timeout(self) -> float:
        return self._place.timeout

    def user_id(self) -> str:
        """The service's own user. Raises KeeperUnavailable."""
        try:
            return str(self._session.get_user_id())
        except _AWAY as error:
            raise KeeperUnavailable(f"Keystone gives no token for Barbican: {_named(error)}") from error

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, microversion: str | None = None
    ) -> Reply:
        """``path`` below the version's; ``token``: of somebody else, who asks instead of the service's own user.

        Every answer is a reply that Barbican itself gave, be it a refusal. Raises KeeperUnavailable where there
        is none.
        """
        self._respite.require_over(2 * self._place.timeout)
        headers = {"Accept": "*/*" if path.endswith("/payload") else "application/json"}
        if microversion is not None:
            headers["OpenStack-API-Version"] = f"key-manager {microversion}"
        if token is not None:
            headers["X-Auth-Token"] = token
        try:
            reply = self._read(method, path, body, headers, own=token is None)
        except _AWAY as error:
            reason = f"Barbican cannot be asked: {_named(error)}"
            self._respite.begin(reason)
            raise KeeperUnavailable(reason) from error
        self._respite.end()
        if reply.status >= 500 or (reply.status == 401 and token is None):
            raise KeeperUnavailable(f"Barbican answers {reply.status}")
        return reply

    def _read(self, method: str, path: str, body: Any, headers: Mapping[str, str], *, own: bool) -> Reply:
        deadline = time.monotonic() + 2 * self._place.timeout
        response = self._found().request(
            path,
            method,
            json=body,
            headers=dict(headers),
            authenticated=own,
            raise_exc=False,
            redirect=False,
            connect_retries=0,
            status_code_retries=0,
            log=False,  # a payload is no text for a log
            stream=True,
        )
        try:
            read = bytearray()
            for part in response.iter_content(_CHUNK):
                read += part
                if len(read) > MOST_BYTES:
                    raise StoreUnavailable(f"Barbican's answer is longer than {MOST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer does not end")
        finally:
            response.close()
        return Reply(response.status_code, SecretBytes(bytes(read)))

    def _found(self) -> Any:
        """openstacksdk's own client. At the first question Keystone says where Barbican is, unless a setting does."""
        with self._lock:
            if self._proxy is not None:
                return self._proxy
        place = self._place
        found = place.endpoint or self._session.get_endpoint(
            service_type=SERVICE_TYPE, interface=place.interface, region_name=place.region_name
        )
        if not found:
            raise exceptions.EndpointNotFound(f"the catalog has no {place.interface} endpoint of {SERVICE_TYPE}")
        with self._lock:
            self._made.endpoint_override = with_version(found)
            self._proxy = self._made
            return self._proxy


def with_version(endpoint: str) -> str:
    """Catalogs have the address with the version or without."""
    bare = endpoint.rstrip("/")
    return bare if bare.endswith("/v1") else f"{bare}/v1"


def _named(error: Exception) -> str:
    """In few words, and nothing of what was sent."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else 'no answer'}"
