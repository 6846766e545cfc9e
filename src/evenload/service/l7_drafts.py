"""L7 policies and rules from drafts, and with changes. Pure.

The action of a policy and its target belong together: a target that is given alone chooses the action, an action drops
the targets of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evenload.model.balancer import AnyRecord, Record
from evenload.model.enums import PolicyAction
from evenload.model.errors import Invalid
from evenload.model.l7 import REDIRECTS, L7Policy, L7Rule
from evenload.model.l7_places import inserted
from evenload.model.l7_rules import TARGETS
from evenload.service import drafts
from evenload.service.commands import Changes, Draft, PolicyDraft

FOUND = 302
"""The code of a redirection that names none."""


def new_rule(identifier: str, policy_id: str, draft: Changes) -> L7Rule:
    return L7Rule(id=identifier, policy_id=policy_id, **drafts.completed(L7Rule, draft.item))


def new_policy(identifier: str, listener_id: str, place: int, draft: Changes) -> L7Policy:
    """``place`` in the stead of the one that the draft may ask for."""
    given = {**draft.item, "place": place}
    return L7Policy(
        id=identifier, listener_id=listener_id, **drafts.completed(L7Policy, {**given, **_targets(None, given)})
    )


def changed_policy(record: Record[L7Policy], changes: Changes) -> Record[L7Policy]:
    """At the place where it was."""
    given = {name: value for name, value in changes.item.items() if name != "place"}
    return drafts.changed(record, replace(changes, item={**given, **_targets(record.item, given)}))


def plan_policies(
    listener_id: str,
    given: Sequence[PolicyDraft],
    birth: drafts.Birth,
    new_id: Callable[[], str],
    pool_of: Callable[[PolicyDraft], str | None],
    present: Sequence[str] = (),
) -> list[AnyRecord]:
    """With their rules. ``present``: the ids of the listener's other policies, in order; they keep their places until
    they are numbered anew. ``pool_of``: the id of the pool that a draft describes or names."""
    ids = [new_id() for _ in given]
    order = list(present)
    for identifier, draft in zip(ids, given, strict=True):
        order = inserted(order, identifier, draft.item.get("place"))
    places = {identifier: place for place, identifier in enumerate(order, 1)}
    records: list[AnyRecord] = []
    for identifier, draft in zip(ids, given, strict=True):
        pool_id = pool_of(draft)
        chosen = draft if pool_id is None else replace(draft, item={**draft.item, "redirect_pool_id": pool_id})
        records.append(birth.record(new_policy(identifier, listener_id, places[identifier], chosen), draft))
        records += [birth.record(new_rule(new_id(), identifier, rule), rule) for rule in draft.rules]
    return records


def _targets(present: L7Policy | None, given: Mapping[str, Any]) -> Mapping[str, Any]:
    action = _action(present, given)
    field = TARGETS.get(action)
    kept = present if present is not None and present.action is action else None
    found: dict[str, Any] = {"action": action, **dict.fromkeys(TARGETS.values())}
    if field is not None:
        found[field] = given[field] if field in given else getattr(kept, field, None)
    found["redirect_http_code"] = None
    if action in REDIRECTS:
        before = present.redirect_http_code if present is not None else None
        found["redirect_http_code"] = given.get("redirect_http_code", before) or FOUND
    return found


def _action(present: L7Policy | None, given: Mapping[str, Any]) -> PolicyAction:
    action: PolicyAction | None = given.get("action")
    if action is not None:
        return action
    named = [action for action, field in TARGETS.items() if given.get(field) is not None]
    if len(named) > 1:
        raise Invalid("Invalid L7 Policy arguments: one target at most can be given.", field=TARGETS[named[1]])
    if named:
        return named[0]
    if present is None:
        raise Invalid("Invalid L7 Policy arguments: an action is needed.", field="action")
    return present.action


def drafts_of_policy(draft: PolicyDraft) -> tuple[Draft, ...]:
    """The draft and its rules."""
    return (draft, *draft.rules)
