"""What the agent holds of secrets: those whose files are not on the host yet, in memory and nowhere else.

A secret is fetched apart from the document that names it, by fingerprint. The engine that needs it makes a file of it,
named by the same fingerprint, so that an agent which starts needs no server for what it has served before.
"""

from collections.abc import Collection, Sequence

from evenload.agent.memory import Memory
from evenload.interfaces.bus import Server
from evenload.model.desired import Desired
from evenload.model.errors import HostError, SecretUnavailable, ServerUnavailable
from evenload.model.secret import SecretReference


def choose_lacking(
    references: Sequence[SecretReference], files: Collection[str], held: Collection[str]
) -> tuple[SecretReference, ...]:
    """Those to be fetched, one for each fingerprint. ``files``: the names of those on the host; ``held``: the
    fingerprints of those in memory."""
    lacking = {each.fingerprint: each for each in references if each.fingerprint not in files}
    return tuple(reference for fingerprint, reference in lacking.items() if fingerprint not in held)


class Secrets:
    def __init__(self, server: Server) -> None:
        self._server = server

    def ensure(self, memory: Memory, desired: Desired, files: Collection[str]) -> None:
        """Fetches what the plan will need beside ``files``, the names of those on the host, and drops what nothing
        names any more. Raises HostError, before anything was changed."""
        named = {reference.fingerprint for reference in desired.secrets}
        held = {key: content for key, content in memory.secrets.items() if key in named and key not in files}
        lacking = choose_lacking(desired.secrets, files, held)
        if lacking:
            try:
                held |= self._server.secrets(desired.id, lacking)
            except (ServerUnavailable, SecretUnavailable) as error:
                raise HostError(
                    f"cannot fetch {', '.join(f'the secret {each.id}' for each in lacking)}: {error}"
                ) from error
        memory.secrets = held
