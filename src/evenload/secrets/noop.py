"""Secrets that are nowhere: fulfils ``Certificates`` for trying clients and measuring the API.

Every reference is one to something that can be used, whatever a store may say of it. Together with an agent that
touches no machine alone (``agent/noop.py``): it never asks for a content.
"""

from datetime import UTC, datetime

from evenload.model.certificate import Authorities, Bundle, Certificate, Revocations
from evenload.model.secret import SecretBytes

_CERTIFICATE = Certificate(
    subject="CN=noop",
    issuer="CN=noop",
    common_name="noop",
    dns_names=(),
    addresses=(),
    not_before=datetime.min.replace(tzinfo=UTC),
    not_after=datetime.max.replace(tzinfo=UTC),
    fingerprint="0" * 64,
    key="none",
)


class NoopCertificates:
    def bundle(self, reference: str, project_id: str) -> Bundle:
        return Bundle(leaf=_CERTIFICATE, chain=(), missing_issuer=None, content=_content(reference))

    def authorities(self, reference: str, project_id: str) -> Authorities:
        return Authorities(certificates=(_CERTIFICATE,), roots=(_CERTIFICATE,), content=_content(reference))

    def revocations(self, reference: str, project_id: str) -> Revocations:
        return Revocations(lists=(), content=_content(reference))

    def verify(self, revocations: Revocations, authorities: Authorities) -> None:
        """Each has signed each."""


def _content(reference: str) -> SecretBytes:
    """Another one for each."""
    return SecretBytes(reference.encode())
