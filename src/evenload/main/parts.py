"""Builds the parts from the settings: who gets which. Starts nothing but the database's schema."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from evenload.api.auth.http_basic import HttpBasicIdentity
from evenload.api.auth.none import NoIdentity
from evenload.api.auth.tokens import TokenIdentity, Validator
from evenload.api.services import Services, V1Services
from evenload.host.pcre import find_fault_finder
from evenload.interfaces.bus import AgentBus
from evenload.interfaces.secrets import SecretStore
from evenload.interfaces.store import Transaction, UnitOfWork
from evenload.main.accounts import own_name
from evenload.main.clock import SystemClock
from evenload.main.identifiers import Identifiers
from evenload.main.settings import Settings
from evenload.model.desired import Desired
from evenload.model.errors import EvenloadError
from evenload.model.tree import Tree
from evenload.ports.ipam import Ipam
from evenload.ports.noop import NoopPorts, find_made_up_port
from evenload.secrets.keyring import KeyRing
from evenload.secrets.noop import NoopCertificates
from evenload.secrets.reading import Keeper, StoredCertificates
from evenload.secrets.vault import Vault
from evenload.service.agent_registry import AgentRegistry
from evenload.service.amphorae import Amphorae
from evenload.service.catalogue import FLAVORS, ZONES, Catalogue
from evenload.service.context import Context
from evenload.service.documents import build_desired
from evenload.service.health_monitors import HealthMonitors
from evenload.service.l7_policies import L7Policies, L7Rules
from evenload.service.lbaas_v1.members import V1Members
from evenload.service.lbaas_v1.monitors import V1Monitors
from evenload.service.lbaas_v1.pools import V1Pools
from evenload.service.lbaas_v1.vip_creation import VipCreation
from evenload.service.lbaas_v1.vips import Vips
from evenload.service.listeners import Listeners
from evenload.service.load_balancers import LoadBalancers
from evenload.service.members import Members
from evenload.service.networks import Networks
from evenload.service.pools import Pools
from evenload.service.quotas import Quotas, octavia_limits, v1_limits
from evenload.service.secrets import references_of
from evenload.service.vip_ports import VipPorts
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork
from evenload.tally import UNCOUNTED, Counting


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What service and API share."""

    engine: Engine
    bus: AgentBus
    clock: SystemClock
    source: random.Random
    new_id: Callable[[], str]
    context: Context
    vault: Vault
    secrets: SecretStore


def build_foundation(
    settings: Settings,
    bus: AgentBus,
    upgrade: Callable[[Engine], None],
    ring: KeyRing,
    keeper: Keeper | None = None,
    counting: Counting = UNCOUNTED,
) -> Foundation:
    """``upgrade`` brings the database to this version's schema; ``keeper`` keeps secrets in place of the vault. Raises
    EvenloadError where the database is unusable."""
    engine = open_database(settings)
    upgrade(engine)
    clock, source, new_id = SystemClock(), random.SystemRandom(), Identifiers()

    def describe(transaction: Transaction, tree: Tree) -> Desired:
        return build_desired(tree, ports.described(transaction, tree), references_of(tree))

    uow = _counted(SqlUnitOfWork(engine, bus, describe=describe), counting)
    provider = (NoopPorts if settings.ports_noop else Ipam)(uow, clock, new_id, source)
    ports = VipPorts(uow, provider, clock, new_id)
    vault = Vault(uow, ring, clock, new_id, settings.secrets.limits)
    stored = StoredCertificates(keeper or vault)
    context = Context(
        uow=uow,
        ports=ports,
        clock=clock,
        new_id=new_id,
        limits=octavia_limits(settings.quotas.octavia),
        providers=settings.api.providers,
        agent_down_time=settings.server.agent_down_time,
        find_regex_fault=find_fault_finder(),
        certificates=NoopCertificates() if settings.agent_noop else stored,
        tls=settings.tls,
        allowed=settings.allowed,
        networking=settings.networking,
        event_settings=settings.server.events,
    )
    return Foundation(
        engine=engine,
        bus=bus,
        clock=clock,
        source=source,
        new_id=new_id,
        context=context,
        vault=vault,
        secrets=stored,
    )


def _counted(uow: UnitOfWork, counting: Counting) -> UnitOfWork:
    if counting is UNCOUNTED:
        return uow
    from evenload.main.metrics.store import CountedUnitOfWork

    return CountedUnitOfWork(uow, counting)


def open_database(settings: Settings) -> Engine:
    """Raises EvenloadError, also where the files are not this user's."""
    try:
        return open_engine(StoreSettings(url=settings.database))
    except PermissionError as error:
        user = own_name()
        raise EvenloadError(
            f"the user {user} may not use the database: {error}. Its file and the directory of that must belong to "
            f"{user} (chown), and every directory above be open to it (chmod o+x)"
        ) from error


def build_services(settings: Settings, foundation: Foundation) -> Services:
    context = foundation.context
    balancers = LoadBalancers(context)
    return Services(
        load_balancers=balancers,
        listeners=Listeners(context),
        pools=Pools(context),
        members=Members(context),
        health_monitors=HealthMonitors(context),
        l7_policies=L7Policies(context),
        l7_rules=L7Rules(context),
        quotas=Quotas(context.uow, context.limits),
        flavors=Catalogue(context, FLAVORS),
        zones=Catalogue(context, ZONES),
        amphorae=Amphorae(context, balancers),
        networks=Networks(
            context.uow,
            settings.networks,
            foundation.clock,
            foundation.new_id,
            foundation.source,
            find_other_port=find_made_up_port if settings.ports_noop else None,
        ),
        vault=foundation.vault if settings.secrets.barbican is None else None,
        v1=_lbaas_v1(settings, context),
    )


def _lbaas_v1(settings: Settings, context: Context) -> V1Services:
    limits = v1_limits(settings.quotas.v1)
    return V1Services(
        vips=Vips(context, VipCreation(context, limits)),
        pools=V1Pools(context, limits, settings.api.provider),
        members=V1Members(context, limits),
        monitors=V1Monitors(context, limits),
        quotas=Quotas(context.uow, limits),
        octavia_quotas=Quotas(context.uow, context.limits),
        agents=AgentRegistry(context),
    )


def build_identity(
    settings: Settings, clock: SystemClock, validator: Validator | None
) -> NoIdentity | HttpBasicIdentity | TokenIdentity:
    """``validator``: where callers have tokens. Raises EvenloadError or ValueError for a user file that cannot be
    used."""
    serving = settings.serving
    if validator is not None:
        return TokenIdentity(validator, monotonic=clock.monotonic)
    if serving.auth_strategy == "http_basic":
        return HttpBasicIdentity(serving.user_file)
    return NoIdentity(serving.default_project)
