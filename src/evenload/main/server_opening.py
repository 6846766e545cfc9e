"""What the server opens as root, and how it gives its privileges up.

Listening sockets, its directory, the keys of secrets: what only root can. After that nothing of the program can be
read, where it lies in a place of root's.
"""

import mmap
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evenload.api.auth.tokens import Validator
from evenload.bus.unix_sockets import bind_unix
from evenload.host.privileges import Account, become
from evenload.main.accounts import find_account
from evenload.main.barbican import open_barbican
from evenload.main.control import Control
from evenload.main.database_place import DIRECTORY, ensure_database_place
from evenload.main.keystone import open_keystone
from evenload.main.listening import listen_tcp
from evenload.main.operator_files import check_readable, show_to_group
from evenload.main.role import Begun, tied_to
from evenload.main.run_path import SERVER_SOCKET, ensure_run_path
from evenload.main.schema_check import Upgrade, choose_upgrade
from evenload.main.settings import Settings
from evenload.main.socket_path import held
from evenload.main.state import StateDirectory
from evenload.model.errors import EvenloadError
from evenload.secrets.keyring import KeyRing, ensure_key_file

if TYPE_CHECKING:
    from evenload.secrets.barbican import Barbican


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was opened before the change of user. ``agents``: the user ids that an agent may have; ``upgrade`` brings
    the database to this version's schema; ``validator``: of tokens, where callers have any; ``ring``: the keys for
    secrets at rest, of a file that only root can read; ``barbican``: where secrets are kept there;
    ``tallies``: where each process counts what it does, none where nobody wants numbers."""

    validator: Validator | None
    listener: socket.socket
    bus: socket.socket
    agents: frozenset[int]
    upgrade: Upgrade
    ring: KeyRing
    barbican: "Barbican | None" = None
    tallies: tuple[mmap.mmap, ...] = ()


def open_server(begun: Begun, stack: ExitStack) -> Opened:
    """What only root can, and then the change of user. Sockets and locks are the stack's."""
    settings, serving, given = begun.settings, begun.settings.serving, begun.given
    account = find_account(settings.server.user)
    validator, read_later = None, _operator_files(settings)
    if serving.auth_strategy == "keystone":
        validator, named = open_keystone(settings.files)
        read_later += named
    barbican = None
    if settings.secrets.barbican is not None:
        barbican, named = open_barbican(settings.secrets.barbican, settings.files)
        read_later += named
    listener = socket.socket(fileno=given["http"]) if "http" in given else listen_tcp(serving.host, serving.port)
    stack.enter_context(listener)
    ensure_run_path(settings.run_path, account)
    path = settings.run_path / SERVER_SOCKET
    stack.enter_context(held(path))
    bus = stack.enter_context(bind_unix(path, socket.SOCK_STREAM, 0o600))
    ensure_database_place(settings.state_path, account, locked=begun.control.supervised)
    if account is not None and serving.auth_strategy == "http_basic":
        show_to_group(serving.user_file, account)
    upgrade = choose_upgrade(settings, account)
    ring = ensure_key_file(settings.secrets.key_file)
    drop_privileges(account, begun.control)
    if account is not None:
        check_readable([settings.state_path / DIRECTORY, *read_later], account)
    stack.enter_context(StateDirectory(settings.state_path / DIRECTORY, mode=0o700))
    agents = frozenset({0} if account is not None else {0, os.getuid()})
    return Opened(
        validator=validator,
        listener=listener,
        bus=bus,
        agents=agents,
        upgrade=upgrade,
        ring=ring,
        barbican=barbican,
    )


def _operator_files(settings: Settings) -> list[Path]:
    files = [settings.policy.file] if settings.policy.file is not None else []
    return [*files, settings.serving.user_file] if settings.serving.auth_strategy == "http_basic" else files


def drop_privileges(account: Account | None, control: Control) -> None:
    if account is not None:
        become(account)  # which undoes the tie
    if not tied_to(control):
        raise EvenloadError("the supervisor is gone")
