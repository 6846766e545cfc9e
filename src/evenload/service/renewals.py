"""Looks at the secrets that load balancers use: content that has changed in the store comes into force, and what will
soon be a fault is told beforehand.

Traffic goes on by what is there, whatever became of the secret. Where nobody can be asked, that is told once, and the
next look comes a minute later. ``main`` calls ``sweep`` every few seconds, from one
thread; each use of a secret is looked at once a minute, fifty at a time, since a certificate is opened and judged then.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from evenload.interfaces.store import Transaction
from evenload.model import status
from evenload.model.balancer import Listener, Pool, Record
from evenload.model.certificate import Authorities, Bundle, Revocations
from evenload.model.errors import KeeperUnavailable, StoreUnavailable, UnusableSecret
from evenload.model.event import Event, EventKind, EventQuery, about, capped
from evenload.model.secret import SecretReference
from evenload.model.secret_place import SecretUse, read_used_place
from evenload.model.tls import ListenerTls, PoolTls, TlsSecret, with_content
from evenload.model.tree import Tree
from evenload.service.context import Context
from evenload.service.event_restraint import NOTHING, Sifted
from evenload.service.events import event_about
from evenload.service.lbaas_v1 import totals
from evenload.service.tls_drafts import facts_of
from evenload.tally import UNCOUNTED, Counting

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two looks at the same use."""
AT_ONCE = 50
SOON = timedelta(days=14)
_TELL_AGAIN_AFTER = timedelta(days=1)
_GOOD = "good"
_SOON = "certificate expires soon"

_LATELY = 200
_STATES = {_GOOD: "good", _SOON: "expires"}

Found = Bundle | Authorities | Revocations


@dataclass(frozen=True, slots=True)
class Judgement:
    """``word``: ``good``, or what is wrong; ``details``: for people."""

    word: str
    details: tuple[tuple[str, str], ...] = ()


Looked = tuple[Judgement, Mapping[TlsSecret, TlsSecret]]
"""What is to be told, and what is stored now in place of what is there."""


@dataclass(frozen=True, slots=True)
class _Use:
    """``users``: the ids of the listeners and pools; ``tls``: theirs. Others make no other use of it."""

    load_balancer_id: str
    secret: TlsSecret
    users: tuple[str, ...] = field(compare=False)
    tls: tuple[ListenerTls | PoolTls, ...] = field(compare=False)

    @property
    def companions(self) -> tuple[TlsSecret, ...]:
        """Of authorities what they have taken back, and the other way round."""
        found = [each for tls in self.tls for each in _beside(self.secret, tls)]
        return tuple({each.secret: each for each in found}.values())


class Renewals:
    """``at_once``: questions, where somebody else keeps the secrets."""

    def __init__(self, context: Context, *, at_once: int = 1, counting: Counting = UNCOUNTED) -> None:
        self._counting = counting
        self._at_once = at_once
        self._away = False
        self._context = context
        self._certificates = context.certificates
        self._next = 0.0
        self._trees: list[str] = []
        self._uses: list[_Use] = []
        self._told: dict[_Use, tuple[str, datetime]] = {}
        self._seen: set[_Use] = set()

    def sweep(self) -> None:
        """Raises StoreUnavailable."""
        if not self._uses and not self._trees:
            now = self._context.clock.monotonic()
            if now < self._next:
                return
            self._next = now + EVERY
            self._told = {use: told for use, told in self._told.items() if use in self._seen}
            self._seen = set()
            with self._context.uow.read() as transaction:
                self._trees = transaction.with_tls()
        while self._trees and len(self._uses) < AT_ONCE:
            self._uses += self._uses_of(self._trees.pop())
        looked_at, self._uses = self._uses[:AT_ONCE], self._uses[AT_ONCE:]
        changed: defaultdict[str, dict[SecretReference, TlsSecret]] = defaultdict(dict)
        for use, (judgement, renewed) in self._look_at(looked_at):
            self._tell(use, judgement)
            for secret, fresh in renewed.items():
                if fresh != secret:
                    changed[use.load_balancer_id][secret.secret] = fresh
        for load_balancer_id, each in changed.items():
            self._renew(load_balancer_id, each)

    def _uses_of(self, load_balancer_id: str) -> list[_Use]:
        with self._context.uow.read() as transaction:
            tree = transaction.tree(load_balancer_id)
        if tree is None:
            return []
        users: defaultdict[SecretReference, dict[str, TlsSecret]] = defaultdict(dict)
        tls: dict[str, ListenerTls | PoolTls] = {}
        for record in _with_tls(tree):
            for each in _secrets_of(record):
                users[each.secret][record.id] = each
            if record.item.tls is not None:
                tls[record.id] = record.item.tls
        return [
            _Use(load_balancer_id, [*of.values()][-1], tuple(of), tuple(tls[each] for each in of))
            for of in users.values()
        ]

    def _look_at(self, uses: Sequence[_Use]) -> list[tuple[_Use, Looked]]:
        """What is stored now, or what kept us from it. Nothing of any where nobody could be asked: the round ends."""
        try:
            if self._at_once == 1 or len(uses) < 2:
                looked = [self._look(use) for use in uses]
            else:
                with ThreadPoolExecutor(self._at_once, thread_name_prefix="renewals") as pool:
                    looked = list(pool.map(self._look, uses))
        except KeeperUnavailable as error:
            self._trees, self._uses = [], []
            if not self._away:
                log.warning("the store of secrets cannot be asked; traffic goes on", reason=str(error))
            self._away = True
            self._seen |= set(self._told)  # what was wrong before is told no second time after that
            return []
        if self._away and uses:
            log.info("the store of secrets answers again")
            self._away = False
        return list(zip(uses, looked, strict=True))

    def _look(self, use: _Use) -> Looked:
        """What is stored now, of what goes with it, too, where it has changed; nothing where it could not be used. What
        has expired is no better than what is there. Raises KeeperUnavailable."""
        try:
            found = self._read(use.secret)
            if found is None:
                return Judgement(_GOOD), {}
            judgement = judge(found, self._context.now())
            fresh = _fresh(use.secret, found)
            renewed = {use.secret: fresh}
            if judgement.word in (_GOOD, _SOON) and fresh.fingerprint != use.secret.fingerprint:
                judgement = self._judge_users(use, fresh) or judgement
                renewed |= self._companions(use, found)
        except KeeperUnavailable:
            raise
        except UnusableSecret as error:
            return Judgement("secret cannot be used any more", (("reason", str(error)),)), {}
        except StoreUnavailable as error:
            return Judgement("secret cannot be looked at", (("reason", str(error)),)), {}
        return judgement, renewed if judgement.word in (_GOOD, _SOON) else {}

    def _judge_users(self, use: _Use, fresh: TlsSecret) -> Judgement | None:
        """Whether a listener would have a certificate for which it has no cipher."""
        listeners = (tls for tls in use.tls if isinstance(tls, ListenerTls))
        if all(self._context.tls.fault_of(tls, fresh) is None for tls in listeners):
            return None
        details = (("subject", fresh.subject or ""), ("key", fresh.key or ""))
        return Judgement("certificate has a key that no cipher of its listener is for", details)

    def _companions(self, use: _Use, found: Found) -> dict[TlsSecret, TlsSecret]:
        """As they are stored now. Raises UnusableSecret where a list is none of its authorities': by such a pair nobody
        would be let in, so both stay as they are until the other is exchanged, too."""
        renewed: dict[TlsSecret, TlsSecret] = {}
        for each in use.companions:
            match found, self._read(each):
                case (Revocations() as lists, Authorities() as authorities) | (
                    Authorities() as authorities,
                    Revocations() as lists,
                ):
                    self._certificates.verify(lists, authorities)
                    other = authorities if found is lists else lists
                    if judge(other, self._context.now()).word == _GOOD:
                        renewed[each] = _fresh(each, other)
        return renewed

    def _read(self, secret: TlsSecret) -> Found | None:
        place = read_used_place(secret.id)
        if place is None:
            return None
        match place.use:
            case SecretUse.BUNDLE:
                return self._certificates.bundle(secret.reference, place.project_id)
            case SecretUse.AUTHORITIES:
                return self._certificates.authorities(secret.reference, place.project_id)
            case SecretUse.REVOCATIONS:
                return self._certificates.revocations(secret.reference, place.project_id)

    def _tell(self, use: _Use, judgement: Judgement) -> None:
        """When it becomes otherwise, and once a day for as long as something is wrong."""
        now = self._context.now()
        word, moment = self._told.get(use, (_GOOD, now))
        self._seen.add(use)
        again = judgement.word != _GOOD and now - moment >= _TELL_AGAIN_AFTER
        if judgement.word == word and not again:
            return
        self._told[use] = judgement.word, now
        named = {
            "load_balancer": use.load_balancer_id,
            "users": list(use.users),
            "reference": use.secret.reference,
            **dict(judgement.details),
        }
        if judgement.word == _GOOD:
            log.info("secret is good again", **named)
        else:
            log.warning(judgement.word, **named)
        self._keep(use, judgement, now)

    def _keep(self, use: _Use, judgement: Judgement, now: datetime) -> None:
        """As an event, once a day: a server that begins anew tells the log again."""
        event = _event(use, judgement, now)

        def work(transaction: Transaction) -> Sifted:
            tree = transaction.tree(use.load_balancer_id)
            if tree is None:
                return NOTHING
            told = about(tree, event)
            user = next((record for record in map(tree.get, use.users) if record is not None), None)
            told = told if user is None else event_about(user, told)
            lately = EventQuery(
                limit=_LATELY,
                kinds=(EventKind.CERTIFICATE,),
                load_balancer_id=tree.id,
                since=now - _TELL_AGAIN_AFTER,
            )
            events = [each.event for each in transaction.events(lately)]
            former = [each for each in events if use.secret.reference in (each.reason or "")]
            if former and (former[-1].state, former[-1].reason) == (told.state, told.reason):
                return NOTHING
            return self._context.events.enter(transaction, [told])

        self._context.events.close(self._context.uow.write(work), logged=False)

    def _renew(self, load_balancer_id: str, fresh: Mapping[SecretReference, TlsSecret]) -> None:
        def work(transaction: Transaction) -> Sequence[str]:
            before = transaction.tree(load_balancer_id)
            if before is None or before.load_balancer.deleting:
                return ()
            edited = before
            for record in _with_tls(before):
                renewed = _renewed(record, fresh)
                edited = edited if renewed == record else edited.with_record(renewed)
            changed = [record.id for record in _with_tls(edited) if record not in _with_tls(before)]
            if changed:
                after = status.advance(edited, changed=changed, now=self._context.now())
                transaction.update_tree(before, totals.kept(transaction, before, after))
            return changed

        changed = self._context.uow.write(work)
        other = any(each.fingerprint != former.fingerprint for former, each in fresh.items())
        if changed and other:
            self._counting.add("secret_renewals_total")
            log.info("secrets have another content now", load_balancer=load_balancer_id, users=list(changed))


def _event(use: _Use, judgement: Judgement, now: datetime) -> Event:
    details = [f"{name.replace('_', ' ')} {value}" for name, value in judgement.details]
    said = [judgement.word, ", ".join([*details, use.secret.reference])]
    state = _STATES.get(judgement.word, "wrong")
    return Event(kind=EventKind.CERTIFICATE, at=now, state=state, reason=capped(": ".join(said)))


def _fresh(secret: TlsSecret, found: Found) -> TlsSecret:
    fresh = replace(secret, fingerprint=found.content.fingerprint())
    return replace(fresh, **facts_of(found)) if isinstance(found, Bundle) else fresh


def _beside(secret: TlsSecret, tls: ListenerTls | PoolTls) -> Iterator[TlsSecret]:
    authorities, revocations = (
        (tls.client_authorities, tls.client_revocations)
        if isinstance(tls, ListenerTls)
        else (tls.authorities, tls.revocations)
    )
    if authorities is not None and revocations is not None:
        if authorities.secret == secret.secret:
            yield revocations
        elif revocations.secret == secret.secret:
            yield authorities


def judge(found: Found, now: datetime) -> Judgement:
    """Pure."""
    match found:
        case Bundle(leaf=leaf):
            details = (("subject", leaf.subject), ("not_after", f"{leaf.not_after:%Y-%m-%d %H:%M:%S} UTC"))
            if leaf.not_after < now:
                return Judgement("certificate has expired", details)
            return Judgement(_SOON if leaf.not_after < now + SOON else _GOOD, details)
        case Authorities(certificates=certificates, roots=()):
            return Judgement("no root is among the authorities", (("subject", certificates[0].subject),))
        case Authorities(certificates=certificates):
            past = next((each for each in certificates if each.not_after < now), None)
            if past is not None:
                return Judgement("authority has expired", (("subject", past.subject),))
        case Revocations(lists=lists):
            late = next((each for each in lists if each.next_update is not None and each.next_update < now), None)
            if late is not None:
                return Judgement("list of revoked certificates is out of date", (("issuer", late.issuer),))
    return Judgement(_GOOD)


TlsRecord = Record[Listener] | Record[Pool]


def _with_tls(tree: Tree) -> list[TlsRecord]:
    records: list[TlsRecord] = [*tree.listeners.values(), *tree.pools.values()]
    return [record for record in records if record.item.tls is not None and not record.deleting]


def _secrets_of(record: TlsRecord) -> tuple[TlsSecret, ...]:
    tls = record.item.tls
    return () if tls is None else tls.secrets


def _renewed(record: TlsRecord, fresh: Mapping[SecretReference, TlsSecret]) -> TlsRecord:
    item = record.item
    if item.tls is None:
        return record
    if isinstance(item, Listener):
        return replace(record, item=replace(item, tls=with_content(item.tls, fresh)))  # type: ignore[arg-type]
    return replace(record, item=replace(item, tls=with_content(item.tls, fresh)))  # type: ignore[arg-type]
