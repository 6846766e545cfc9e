"""The TLS of listeners and pools from what a caller gave: references become secrets, what is left out the deployment's
default.

Before the transaction: the store of secrets may take its time, or be away. What comes out is merged with what the
listener has inside of it (``drafts``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from evenload.model.certificate import Authorities, Bundle, Certificate, Revocations, SecretFault
from evenload.model.enums import ListenerProtocol
from evenload.model.errors import Invalid, SecretsUnavailable, StoreUnavailable, UnusableSecret, UnusableSecrets
from evenload.model.secret import SecretBytes
from evenload.model.secret_place import SecretUse, UsedPlace, place_of
from evenload.model.tls import AlpnProtocol, ClientAuthentication, ListenerTls, PoolTls, TlsSecret
from evenload.model.tls_faults import ONLY_TERMINATED
from evenload.service.commands import Changes, ListenerDraft, PoolDraft, PoolName, PreparedTls
from evenload.service.context import Context
from evenload.service.tls_policy import TlsDefaults, TlsPolicy

D = TypeVar("D", bound=Changes)
_POLICY = ("ciphers", "versions", "alpn")
_HSTS_FLAGS = ("hsts_include_subdomains", "hsts_preload")
_NOBODY = ClientAuthentication.NONE
_NOTHING = (None, (), _NOBODY)


def asks_for_tls(changes: Changes) -> bool:
    """Whether something has to be prepared, for which the project must be known; of the object itself."""
    return isinstance(changes.item.get("tls"), Mapping)


def with_tls(
    context: Context, changes: D, protocol: ListenerProtocol, project_id: str, present: ListenerTls | None = None
) -> D:
    """The draft or change with its ``tls`` prepared; ``present``: what the listener has. Raises Invalid,
    UnusableSecrets, SecretsUnavailable."""
    given = changes.item.get("tls")
    if not isinstance(given, Mapping):
        return changes
    if not protocol.terminates_tls:
        raise Invalid(ONLY_TERMINATED, field=next(iter(given)))
    defaults = context.tls.listeners
    if protocol is ListenerProtocol.PROMETHEUS:
        _require_numbers_take(given, present)
        defaults = replace(defaults, alpn=tuple(each for each in defaults.alpn if each is not AlpnProtocol.HTTP_3))
    chosen = chosen_policy(context.tls, defaults, given)
    base = ListenerTls(ciphers=defaults.ciphers, versions=defaults.versions, alpn=defaults.alpn)
    base = present or base
    context.tls.require_suites(chosen, base)
    if given.get("client_authentication", _NOBODY) is not _NOBODY and base.client_authentication is _NOBODY:
        given = _coming_into_force(given, base, ("client_authorities", "client_revocations"))
    reading = Reading(context, project_id)
    chosen |= reading.judges(given, base.client_authorities, base.client_revocations, "client_")
    for name, value in given.items():
        match name:
            case "certificate":
                chosen[name] = reading.bundle(name, value)
            case "sni":
                each = (reading.bundle(f"sni[{place}]", reference) for place, reference in enumerate(value))
                chosen[name] = tuple(secret for secret in each if secret is not None)
    reading.finish()
    prepared = PreparedTls(base=base, given=chosen)
    if prepared.merged(present).hsts_max_age is None and any(map(given.get, _HSTS_FLAGS)):
        raise Invalid("HSTS needs a maximum age.", field="hsts_max_age")
    context.tls.require_fitting(prepared.merged(base))
    return replace(changes, item={**changes.item, "tls": prepared})


def _require_numbers_take(given: Mapping[str, Any], present: ListenerTls | None) -> None:
    """Raises Invalid for what a PROMETHEUS listener has no use for: HSTS, and all of TLS where it has no
    certificate."""
    for name in ("hsts_max_age", *_HSTS_FLAGS):
        value = given.get(name)
        if value is not None and value is not False:
            raise Invalid(ONLY_TERMINATED, field=name)
    there = {"certificate": present and present.certificate, "sni": present and present.sni}
    if not any({**there, **given}[name] for name in there):
        asked = [name for name, value in given.items() if value is not False and value not in _NOTHING]
        if asked:
            raise Invalid("A PROMETHEUS listener without a certificate speaks no TLS.", field=asked[0])


def with_pool_tls(context: Context, changes: D, project_id: str, present: PoolTls | None = None) -> D:
    """The same of a pool."""
    given = changes.item.get("tls")
    if not isinstance(given, Mapping):
        return changes
    if given.get("alpn") == ():
        raise Invalid("ALPN protocols are at least one, each of them once.", field="alpn")
    defaults = context.tls.pools
    chosen = chosen_policy(context.tls, defaults, given)
    # Whatever else is given, a pool that nobody said it of speaks no TLS.
    base = present or PoolTls(enabled=False, ciphers=defaults.ciphers, versions=defaults.versions, alpn=defaults.alpn)
    context.tls.require_suites(chosen, base)
    if given.get("enabled") and not base.enabled:
        given = _coming_into_force(given, base, ("authorities", "revocations", "certificate"))
    reading = Reading(context, project_id)
    chosen |= reading.judges(given, base.authorities, base.revocations, "")
    if "certificate" in given:
        chosen["certificate"] = reading.bundle("member_certificate", given["certificate"])
    reading.finish()
    return replace(changes, item={**changes.item, "tls": PreparedTls(base=base, given=chosen)})


def _coming_into_force(
    given: Mapping[str, Any], there: ListenerTls | PoolTls, names: Sequence[str]
) -> Mapping[str, Any]:
    """With the references that are there and were of no use yet: what they lead to may have gone meanwhile."""
    secrets: dict[str, TlsSecret | None] = {name: getattr(there, name) for name in names}
    return {**{name: each.reference for name, each in secrets.items() if each is not None}, **given}


def with_all_tls(context: Context, draft: ListenerDraft, project_id: str) -> ListenerDraft:
    """A listener's, and that of the pools that are made with it."""

    def of(pool: PoolDraft | PoolName | None) -> PoolDraft | PoolName | None:
        return with_pool_tls(context, pool, project_id) if isinstance(pool, PoolDraft) else pool

    own = with_tls(context, draft, draft.item["protocol"], project_id)
    if not any(map(asks_for_tls, draft.pools)):
        return own
    policies = tuple(replace(each, redirect_pool=of(each.redirect_pool)) for each in own.policies)
    return replace(own, default_pool=of(own.default_pool), policies=policies)


def named_secrets(changes: Changes, *, of_pool: bool = False) -> list[tuple[str, str]]:
    """Field and reference of every secret that a listener or a pool, and what is made with it, names."""
    named: list[tuple[str, str | None]] = []
    tls = changes.item.get("tls")
    given: Mapping[str, Any] = tls if isinstance(tls, Mapping) else {}
    for name, value in given.items():
        match name:
            case "sni":
                named += [(f"sni[{place}]", reference) for place, reference in enumerate(value or ())]
            case "certificate" if of_pool:
                named.append(("member_certificate", value))
            case "certificate" | "authorities" | "revocations" | "client_authorities" | "client_revocations":
                named.append((name, value))
    for each in changes.pools if isinstance(changes, ListenerDraft) else ():
        named += named_secrets(each, of_pool=True)
    return [(field, reference) for field, reference in named if reference is not None]


def chosen_policy(policy: TlsPolicy, defaults: TlsDefaults, given: Mapping[str, Any]) -> dict[str, Any]:
    """None in place of ciphers, versions or protocols is the deployment's default."""
    chosen = {
        name: getattr(defaults, name) if value is None and name in _POLICY else value for name, value in given.items()
    }
    if given.get("ciphers") is not None:
        policy.require_ciphers(given["ciphers"])
    if given.get("versions") is not None:
        policy.require_versions(given["versions"])
    if given.get("alpn") is not None:
        policy.require_protocols(given["alpn"])
    return chosen


class Reading:
    """Of the references of one request: each is read once, and what is wrong with any of them is said together."""

    def __init__(self, context: Context, project_id: str) -> None:
        self._store = context.certificates
        self._now = context.now()
        self._project_id = project_id
        self._read: dict[tuple[SecretUse, str], TlsSecret] = {}
        self._facts: dict[tuple[SecretUse, str], dict[str, Any]] = {}
        self._faults: list[UnusableSecret] = []

    def bundle(self, field: str, reference: str | None) -> TlsSecret | None:
        """A server's certificate, or a client's."""

        def read(reference: str) -> SecretBytes:
            found = self._store.bundle(reference, self._project_id)
            _require_current(found, self._now)
            self._facts[SecretUse.BUNDLE, reference] = facts_of(found)
            return found.content

        return self._secret(SecretUse.BUNDLE, field, reference, read)

    def judges(
        self, given: Mapping[str, Any], authorities: TlsSecret | None, revocations: TlsSecret | None, prefix: str
    ) -> dict[str, TlsSecret | None]:
        """Authorities and what they have taken back, where one of both is given; a list that none of them has signed is
        refused. ``authorities``, ``revocations``: those that are there; ``prefix``: of the fields' names."""
        names = {use: f"{prefix}{use}" for use in ("authorities", "revocations")}
        asked = {name: given[name] for name in names.values() if name in given}
        if not any(asked.values()):
            return dict.fromkeys(asked)
        there = {names["authorities"]: authorities, names["revocations"]: revocations}
        wanted = {name: each and each.reference for name, each in there.items()} | asked
        found: dict[str, Any] = {}

        def read_authorities(reference: str) -> SecretBytes:
            found["authorities"] = self._store.authorities(reference, self._project_id)
            _require_living(found["authorities"], self._now)
            content: SecretBytes = found["authorities"].content
            return content

        def read_revocations(reference: str) -> SecretBytes:
            read = self._store.revocations(reference, self._project_id)
            _require_fresh(read, self._now)
            if "authorities" in found:
                self._store.verify(read, found["authorities"])
            return read.content

        readers = {names["authorities"]: (SecretUse.AUTHORITIES, read_authorities)}
        readers[names["revocations"]] = (SecretUse.REVOCATIONS, read_revocations)
        secrets = {name: self._secret(use, name, wanted[name], read) for name, (use, read) in readers.items()}
        return {name: secrets[name] for name in asked}

    def finish(self) -> None:
        """Raises UnusableSecrets for all that cannot be used."""
        if self._faults:
            raise UnusableSecrets(tuple(self._faults))

    def _secret(
        self, use: SecretUse, field: str, reference: str | None, read: Callable[[str], SecretBytes]
    ) -> TlsSecret | None:
        """None where there is no reference, or where it cannot be used."""
        if reference is None:
            return None
        key = (use, reference)
        if key not in self._read:
            try:
                content = read(reference)
            except UnusableSecret as error:
                self._faults.append(error.about(field))
                return None
            except StoreUnavailable as error:
                raise SecretsUnavailable(f"{reference} cannot be read: {error}", field=field) from error
            named = UsedPlace(use=use, project_id=self._project_id, place=place_of(reference)).reference(content)
            made = TlsSecret(reference=reference, id=named.id, fingerprint=named.fingerprint)
            self._read[key] = replace(made, **self._facts.get(key, {}))
        return self._read[key]


def facts_of(bundle: Bundle) -> dict[str, Any]:
    """What a ``TlsSecret`` says of it to people."""
    leaf = bundle.leaf
    facts = {"subject": leaf.subject, "not_after": leaf.not_after, "key": leaf.key, "names": leaf.server_names}
    return {**facts, "stapling": bundle.stapling}


def _require_current(bundle: Bundle, now: datetime) -> None:
    """Raises UnusableSecret for a certificate that has expired; clients have the root themselves. One that is not valid
    yet may be stored for later."""
    for certificate in (bundle.leaf, *bundle.chain):
        if certificate.not_after < now and not _is_root(certificate, bundle):
            raise UnusableSecret(
                SecretFault.EXPIRED,
                f"The certificate of {certificate.subject} has expired on {certificate.not_after:%Y-%m-%d}.",
            )


def _require_living(authorities: Authorities, now: datetime) -> None:
    """Raises UnusableSecret where all have expired, and where none is a root: HAProxy's TLS library takes no
    certificate whose chain does not end in one, be it the certificate of the list itself."""
    if not authorities.roots:
        raise UnusableSecret(
            SecretFault.NO_ROOT,
            f"The certificate of {authorities.certificates[0].subject} is no root (it has not signed itself), and there"
            " is none beside it: nobody can be verified by it. Store the root with it.",
        )
    last = max(authorities.certificates, key=lambda each: each.not_after)
    if last.not_after < now:
        raise UnusableSecret(
            SecretFault.EXPIRED, f"The certificate of {last.subject} has expired on {last.not_after:%Y-%m-%d}."
        )


def _require_fresh(revocations: Revocations, now: datetime) -> None:
    """Raises UnusableSecret for a list that should have been replaced: by it nobody would be let in."""
    for each in revocations.lists:
        if each.next_update is not None and each.next_update < now:
            raise UnusableSecret(
                SecretFault.EXPIRED,
                f"The list of {each.issuer} should have been replaced by {each.next_update:%Y-%m-%d}.",
            )


def _is_root(certificate: Certificate, bundle: Bundle) -> bool:
    return certificate is not bundle.leaf and certificate.subject == certificate.issuer
