"""Builds the parts from the settings: who gets which. Starts nothing but the database's schema."""

import random
import uuid
from dataclasses import dataclass

from sqlalchemy import Engine

from evenload.api.auth.http_basic import HttpBasicIdentity
from evenload.api.auth.identity import Identity
from evenload.api.auth.none import NoIdentity
from evenload.bus.local import LocalBus
from evenload.main.clock import SystemClock
from evenload.main.settings import Settings
from evenload.ports.ipam import Ipam
from evenload.service.context import Context
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.migrate import upgrade
from evenload.store.unit_of_work import SqlUnitOfWork


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What service, API and agent share in one process."""

    engine: Engine
    bus: LocalBus
    clock: SystemClock
    source: random.Random
    context: Context


def build_foundation(settings: Settings) -> Foundation:
    """Raises EvenloadError where the database is unusable."""
    engine = open_engine(StoreSettings(url=settings.database))
    upgrade(engine)
    bus, clock, source = LocalBus(), SystemClock(), random.SystemRandom()
    context = Context(uow=SqlUnitOfWork(engine), ports=Ipam(clock, new_id, source), bus=bus, clock=clock, new_id=new_id)
    return Foundation(engine=engine, bus=bus, clock=clock, source=source, context=context)


def build_identity(settings: Settings, clock: SystemClock) -> Identity:
    """Raises EvenloadError or ValueError for a user file that cannot be used."""
    serving = settings.serving
    if serving.auth_strategy == "http_basic":
        return HttpBasicIdentity(serving.user_file, monotonic=clock.monotonic)
    return NoIdentity(serving.default_project)
