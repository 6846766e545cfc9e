"""Numbers of the server for Prometheus, at ``/metrics`` of an address of their own, which asks nobody who he is.

Imported only where the setting is made, before the server gives its privileges up.
"""

import threading
from collections.abc import Callable, Iterator
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from evenload.interfaces.store import UnitOfWork
from evenload.model.enums import Kind
from evenload.model.errors import StoreUnavailable
from evenload.service.expiries import Expiry, read_expiries

_log = structlog.get_logger(__name__)

MOST_CERTIFICATES = 2000
"""Series; those that expire first."""
LOOK_EVERY = 60.0
"""Seconds: a look reads every load balancer with TLS."""
_LABELS = ("load_balancer", "load_balancer_name", "listener", "listener_name", "pool", "pool_name", "subject")


class CertificateExpiries(Collector):
    """Fulfils prometheus_client's Collector. What is asked for more often comes from the last look."""

    def __init__(self, uow: UnitOfWork, monotonic: Callable[[], float]) -> None:
        self._uow = uow
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._found: list[Expiry] = []

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Without a look."""
        yield from _families([])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing while the store cannot be read: an old number would say that all is well."""
        with self._lock:
            now = self._monotonic()
            if self._looked is None or now - self._looked >= LOOK_EVERY:
                try:
                    self._found = read_expiries(self._uow)
                except StoreUnavailable as error:
                    _log.warning("metrics cannot be read", reason=str(error))
                    self._looked = None
                    return
                self._looked = now
            found = self._found
        yield from _families(found)


def _families(found: list[Expiry]) -> Iterator[GaugeMetricFamily]:
    until = GaugeMetricFamily(
        "evenload_tls_certificate_not_after_seconds",
        "When a certificate in use expires, in seconds since 1970.",
        labels=_LABELS,
    )
    shown = found[:MOST_CERTIFICATES]
    series = {_labels_of(each): each.not_after.timestamp() for each in reversed(shown)}
    for labels, moment in reversed(series.items()):
        until.add_metric(labels, moment)
    yield until
    left_out = GaugeMetricFamily(
        "evenload_tls_certificates_left_out", "Certificates in use that expire after all that are shown."
    )
    left_out.add_metric([], len(found) - len(shown))
    yield left_out


def _labels_of(each: Expiry) -> tuple[str, ...]:
    """Of several with equal labels the one that expires first is shown."""
    owner = (each.id, each.name)
    places = (*owner, "", "") if each.kind is Kind.LISTENER else ("", "", *owner)
    return (each.load_balancer_id, each.load_balancer_name, *places, each.subject)


class Metrics:
    """Inert until ``start``."""

    def __init__(self, address: tuple[str, int], uow: UnitOfWork, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._registry = CollectorRegistry()
        self._registry.register(CertificateExpiries(uow, monotonic))
        self._serving: tuple[WSGIServer, threading.Thread] | None = None

    def start(self) -> None:
        """Raises OSError where somebody else has the address."""
        host, port = self._address
        try:
            self._serving = start_http_server(port, host, self._registry)
        except OSError as error:
            raise OSError(
                error.errno, f"[server] metrics_port: cannot listen on {host} port {port}: {error}"
            ) from error
        _log.info("serving metrics", host=host, port=self.port)

    @property
    def port(self) -> int:
        """Of a started one."""
        assert self._serving is not None
        return int(self._serving[0].server_port)

    def stop(self) -> None:
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            server.server_close()
            thread.join()
            self._serving = None
