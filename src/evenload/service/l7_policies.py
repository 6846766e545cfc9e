"""Use cases of L7 policies; each is one transaction."""

from dataclasses import replace
from typing import cast

from evenload.interfaces.store import Transaction
from evenload.model import l7_places, status
from evenload.model.balancer import Record
from evenload.model.enums import Kind
from evenload.model.l7 import L7Policy, L7Rule
from evenload.model.query import Page, Query, View
from evenload.model.tree import Tree, kind_of
from evenload.service import drafts, guards, l7_drafts, l7_guards
from evenload.service.commands import Changes, PolicyDraft
from evenload.service.context import Context
from evenload.service.quotas import wanted_by
from evenload.service.views import view_of


class L7Policies:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, listener_id: str, draft: PolicyDraft) -> View[Record[L7Policy]]:
        """With its rules, if the draft has any. Its pool is named by id; pools are made together with policies only by
        LoadBalancers.create."""
        for part in l7_drafts.drafts_of_policy(draft):
            guards.require_tags(part)
        context = self._context
        now = context.now()

        def work(transaction: Transaction) -> View[Record[L7Policy]]:
            before = guards.read_tree(transaction, Kind.LISTENER, listener_id)
            guards.require_living(before.load_balancer, before.listeners[listener_id])
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            records = l7_drafts.plan_policies(listener_id, [draft], birth, context.new_id, lambda _: None)
            wanted = wanted_by(kind_of(record.item) for record in records)
            context.limits.require_room(transaction, birth.project_id, wanted)
            policy_id = records[0].id
            edited = l7_places.with_policy_at(before.with_records(records), policy_id, draft.item.get("place"))
            _require_valid(context, edited, policy_id)
            after = status.advance(edited, changed=[policy_id], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.policies[policy_id])

        return context.uow.write(work)

    def update(self, identifier: str, changes: Changes) -> View[Record[L7Policy]]:
        guards.require_tags(changes)

        def work(transaction: Transaction) -> View[Record[L7Policy]]:
            before = guards.read_tree(transaction, Kind.L7_POLICY, identifier)
            present = before.policies[identifier]
            guards.require_living(before.load_balancer, before.listeners[present.item.listener_id], present)
            edited = before.with_record(l7_drafts.changed_policy(present, changes))
            if "place" in changes.item:
                edited = l7_places.with_policy_at(edited, identifier, changes.item["place"])
            _require_valid(self._context, edited, identifier)
            after = status.advance(edited, changed=[identifier], now=self._context.now())
            transaction.update_tree(before, after)
            return view_of(after, after.policies[identifier])

        return self._context.uow.write(work)

    def delete(self, identifier: str) -> None:
        """Its rules go with it; those behind it move up at once."""

        def work(transaction: Transaction) -> None:
            before = guards.read_tree(transaction, Kind.L7_POLICY, identifier)
            after = status.removed(before, identifier, now=self._context.now())
            after = l7_places.closed_up(after, before.policies[identifier].item.listener_id)
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def get(self, identifier: str) -> View[Record[L7Policy]]:
        with self._context.uow.read() as transaction:
            return cast(View[Record[L7Policy]], guards.read_view(transaction, Kind.L7_POLICY, identifier))

    def list(self, query: Query) -> Page[Record[L7Policy]]:
        with self._context.uow.read() as transaction:
            return cast(Page[Record[L7Policy]], transaction.find(Kind.L7_POLICY, query))


class L7Rules:
    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, policy_id: str, draft: Changes) -> View[Record[L7Rule]]:
        guards.require_tags(draft)
        now = self._context.now()

        def work(transaction: Transaction) -> View[Record[L7Rule]]:
            before = guards.read_tree(transaction, Kind.L7_POLICY, policy_id)
            _require_living(before, policy_id)
            birth = drafts.Birth(before.load_balancer.project_id, before.generation + 1, now)
            self._context.limits.require_room(transaction, birth.project_id, wanted_by([Kind.L7_RULE]))
            record = birth.record(l7_drafts.new_rule(self._context.new_id(), policy_id, draft), draft)
            edited = before.with_record(record)
            _require_valid(self._context, edited, policy_id, record.item)
            after = status.advance(edited, changed=[record.id], now=now)
            transaction.update_tree(before, after)
            return view_of(after, after.rules[record.id])

        return self._context.uow.write(work)

    def update(self, policy_id: str, rule_id: str, changes: Changes) -> View[Record[L7Rule]]:
        guards.require_tags(changes)

        def work(transaction: Transaction) -> View[Record[L7Rule]]:
            before = _read_tree(transaction, policy_id, rule_id)
            _require_living(before, policy_id)
            guards.require_living(before.rules[rule_id])
            record = drafts.changed(before.rules[rule_id], changes)
            edited = before.with_record(record)
            _require_valid(self._context, edited, policy_id, record.item)
            after = status.advance(edited, changed=[rule_id], now=self._context.now())
            transaction.update_tree(before, after)
            return view_of(after, after.rules[rule_id])

        return self._context.uow.write(work)

    def delete(self, policy_id: str, rule_id: str) -> None:
        def work(transaction: Transaction) -> None:
            before = _read_tree(transaction, policy_id, rule_id)
            after = status.removed(before, rule_id, now=self._context.now())
            transaction.update_tree(before, after)

        self._context.uow.write(work)

    def get(self, policy_id: str, rule_id: str) -> View[Record[L7Rule]]:
        with self._context.uow.read() as transaction:
            view = cast(View[Record[L7Rule]], guards.read_view(transaction, Kind.L7_RULE, rule_id))
        if view.record.item.policy_id != policy_id:
            raise guards.not_found(Kind.L7_RULE, rule_id)
        return view

    def list(self, policy_id: str, query: Query) -> Page[Record[L7Rule]]:
        with self._context.uow.read() as transaction:
            if transaction.owner_of(Kind.L7_POLICY, policy_id) is None:
                raise guards.not_found(Kind.L7_POLICY, policy_id)
            of_policy = replace(query, filters={**query.filters, "policy_id": (policy_id,)})
            return cast(Page[Record[L7Rule]], transaction.find(Kind.L7_RULE, of_policy))


def _require_living(tree: Tree, policy_id: str) -> None:
    policy = tree.policies[policy_id]
    guards.require_living(tree.load_balancer, tree.listeners[policy.item.listener_id], policy)


def _require_valid(context: Context, tree: Tree, policy_id: str, *rules: L7Rule) -> None:
    """``rules``: just these of the policy; all of them where none is named."""
    l7_guards.require_policies(tree, [tree.policies[policy_id].item])
    chosen = rules or tuple(record.item for record in tree.rules_of(policy_id))
    l7_guards.require_rules(chosen, context.find_regex_fault)


def _read_tree(transaction: Transaction, policy_id: str, rule_id: str) -> Tree:
    tree = guards.read_tree(transaction, Kind.L7_POLICY, policy_id)
    rule = tree.rules.get(rule_id)
    if rule is None or rule.item.policy_id != policy_id:
        raise guards.not_found(Kind.L7_RULE, rule_id)
    return tree
