"""What may go wrong, in the domain's words.

``Rejected`` and its children are the caller's fault and reach the client; each names the field it is about where there
is one. ``HostError`` and its children are raised by ``host/`` and end in the report of an attempt.
"""

from evenload.model.certificate import SecretFault


class EvenloadError(Exception):
    """The root of all errors that Evenload raises on purpose."""


class Rejected(EvenloadError):
    """A request that cannot be fulfilled as it stands. Nothing was changed.

    ``field`` is the model's name of the offending field, None where the request as a whole is at fault.
    """

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class Invalid(Rejected):
    """A value or a combination of values that the rules forbid (HTTP 400)."""


class ProtocolMismatch(Invalid):
    """A pool that cannot stand behind that listener."""


class DelayOrTimeoutInvalid(Invalid):
    """A health monitor of LBaaS v1 whose checks would overlap."""


class ServiceProviderNotFound(Invalid):
    """A provider of LBaaS v1 that is none of those in the settings."""


class AddressOutsideSubnet(Invalid):
    """An IP address that was asked for in a subnet which does not hold it."""


class UnknownNeighbour(Invalid):
    """A network, subnet or port named in the body that does not exist for the caller (HTTP 400, LBaaS v1: 404).

    ``kind`` is the word for people, such as ``Subnet``.
    """

    def __init__(self, kind: str, identifier: str, *, field: str) -> None:
        super().__init__(f"{kind} {identifier} not found.", field=field)
        self.kind = kind


class NotFound(Rejected):
    """An object named in the URL, or one of ours named in the body, that does not exist (HTTP 404).

    ``kind`` is the word for people, such as ``Listener``.
    """

    def __init__(self, kind: str, identifier: str, *, field: str | None = None) -> None:
        super().__init__(f"{kind} {identifier} not found.", field=field)
        self.kind = kind
        self.identifier = identifier


class TooLarge(Invalid):
    """A payload longer than one may be (HTTP 413)."""


class UnusableSecret(Invalid):
    """A certificate, key or list that was stored and cannot be used. Names it, says why, and shows nothing of it."""

    def __init__(self, fault: SecretFault, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.fault = fault

    def about(self, field: str) -> "UnusableSecret":
        """The same, said of the field that names it."""
        return UnusableSecret(self.fault, self.detail, field=field)


class UnusableSecrets(Invalid):
    """All that a request names and that cannot be used; each of ``faults`` says of which field it is."""

    def __init__(self, faults: tuple[UnusableSecret, ...]) -> None:
        super().__init__(" ".join(f"{each.field}: {each.detail}" for each in faults), field=faults[0].field)
        self.faults = faults


class Unsupported(Rejected):
    """Something that the API knows and this version cannot do (HTTP 501).

    ``provider``: the name by which the caller has called this one, where he has.
    """

    def __init__(self, detail: str, *, field: str | None = None, provider: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.provider = provider


class Forbidden(Rejected):
    """The caller may not do this (HTTP 403)."""


class ForeignProject(Forbidden):
    """What is to belong together belongs to different projects; the caller may see both (HTTP 403)."""


class Conflict(Rejected):
    """The state of things forbids it: taken, duplicate, in use (HTTP 409)."""


class VipExists(Conflict):
    """The pool has a VIP already, or another listener that uses it."""


class MemberExists(Conflict):
    """The pool has a member at that address and port."""


class PoolInUse(Conflict):
    """The pool has a VIP."""


class HealthMonitorInUse(Conflict):
    """A pool has that health monitor."""


class PoolMonitorAssociationExists(Conflict):
    """The pool has that health monitor already."""


class OverQuota(Conflict):
    """The project has as many of them as it may have."""


class InUse(Conflict):
    """A part of a network that something needs. ``going``: whatever needs it is being deleted."""

    def __init__(self, detail: str, *, field: str | None = None, going: bool = False) -> None:
        super().__init__(detail, field=field)
        self.going = going


class NetworkInUse(InUse):
    """It has ports."""


class SubnetInUse(InUse):
    """Ports have addresses of it."""


class PortInUse(InUse):
    """A load balancer uses it."""


class AddressTaken(Conflict):
    """Another port has that IP address."""


class AddressLetGo(AddressTaken):
    """A load balancer that is being deleted still has that IP address: it will be free in a moment."""


class AddressesExhausted(Conflict):
    """No IP address is left to give."""


class Immutable(Conflict):
    """The object is being deleted, which is final."""


class NoHost(Rejected):
    """No agent is registered that could serve a load balancer (HTTP 503). It may work once one has started."""


class ServerUnavailable(EvenloadError):
    """The agent cannot reach the server. Traffic goes on; the agent tries again."""


class Unwelcome(EvenloadError):
    """This agent and this server must not work together; says why. Trying again cannot help."""


class ForeignDatabase(Unwelcome):
    """The server's database is not the one that gave this host its load balancers."""


class SecretUnavailable(EvenloadError):
    """A secret that a load balancer needs cannot be had; names it, and says why."""


class StoreUnavailable(EvenloadError):
    """The database refused, or did not answer in time. Nothing was changed; trying again may help."""


class SecretsUnavailable(StoreUnavailable):
    """Whatever keeps secrets refused, or did not answer in time; ``field`` is the model's name of what names one."""

    def __init__(self, detail: str, *, field: str) -> None:
        super().__init__(detail)
        self.field = field


class KeeperUnavailable(StoreUnavailable):
    """Whoever keeps secrets did not answer, or no credentials open it: that holds for all that is kept there."""


class Unconfirmed(StoreUnavailable):
    """The exception to that: the change was made and is seen by everybody, but the disk did not confirm that it has it.

    Repeating it might make a second one.
    """


class PortsUnavailable(EvenloadError):
    """The port provider refused, or did not answer in time; trying again may help."""


class Overtaken(StoreUnavailable):
    """Another change came in between: what was to be changed is gone, or the database could not let both happen.

    The store runs the work again; this leaves it only where that did not help.
    """


class HostError(EvenloadError):
    """The host refused an operation. Says what was attempted on what; trying again may help."""


class NotYet(HostError):
    """What it waits for takes its time, and the host tells when it has come (``Host.watch_networks``)."""


class Hopeless(HostError):
    """Trying the same again cannot help: the desired state or the host's set-up has to change first."""


class InvalidConfiguration(Hopeless):
    """HAProxy refused the rendered configuration. ``detail`` holds its own words."""
