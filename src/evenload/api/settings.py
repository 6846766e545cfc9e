"""What the API has to know of its surroundings, as plain values; ``main`` fills them from the settings file."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """``base_uri`` replaces scheme, host and prefix in links; None: the request's own.

    ``trust_forwarded``: take scheme, host and the caller's address from X-Forwarded-Proto, -Host and -For; only behind
    a proxy that sets all. ``audit``: a line in the log for each change that was asked for. ``provider_aliases``: names
    that existing templates send as ``provider``; they mean this provider and are shown again as they were sent.
    ``lbaas_v1_providers``: LBaaS v1's names of the one provider there is, in lower case; the first is the default.
    """

    page_limit: int = 1000
    base_uri: str | None = None
    trust_forwarded: bool = False
    healthcheck: bool = True
    audit: bool = True
    max_body_bytes: int = 2 * 1024 * 1024
    provider: str = "evenload"
    provider_aliases: tuple[str, ...] = ("amphora", "octavia")
    lbaas_v1_providers: tuple[str, ...] = ("haproxy", "evenload")

    @property
    def providers(self) -> tuple[str, ...]:
        """Every name under which Octavia's API knows this provider."""
        return (self.provider, *self.provider_aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """``enforce_new_defaults``: the roles ``load-balancer_*`` count no longer.

    A change of the file is in force after ``reread_interval`` seconds at the latest.
    """

    file: Path | None = None
    enforce_new_defaults: bool = False
    reread_interval: float = 5.0
