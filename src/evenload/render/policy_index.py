"""Which L7 policies are looked up in a map instead of being tried one by one, and the entries of that map. Pure.

A rule that compares a text of the request as a whole, or its beginning, can be found in a tree. Policies whose such
rules look at the same texts in the same ways are a group: the texts lead from state to state, the last of them to a
rank; an entry is named by state, comparison and text. A tree of beginnings gives the longest one only, so the entry of
each counts those within it as well. What a map cannot carry (middles, ends, regular expressions, opposites, texts with
blanks) is a condition of the whole group. ADR 0023 says what was considered.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from evenload.model.enums import Comparison, PolicyAction, RuleType
from evenload.model.l7 import L7Policy, L7Rule

NONE = 3_999_999_999_999_999_999
"""The rank of no policy: higher than any. HAProxy's numbers have 63 bits."""
RESULTS = 10**10
"""A rank is a place, times this, plus the number of what becomes of the request."""

_PLACES = 10**5
_MOST_TRIED = 3_000
_MOST_GROUPS = 8
"""Of a listener, the largest ones: each is looked up for each request."""
_FEWEST_SHARING = 4
"""Policies that make a condition worth a group."""
_MOST_LEVELS = 5
_ENTRIES_A_POLICY = 8
"""Beginnings within beginnings multiply entries: a group that would have more is none."""
_ORDER = {
    RuleType.HOST_NAME: 0,
    RuleType.SSL_DN_FIELD: 1,
    RuleType.FILE_TYPE: 2,
    RuleType.PATH: 3,
    RuleType.HEADER: 4,
    RuleType.COOKIE: 5,
}

_SEVERAL = frozenset({RuleType.HEADER, RuleType.COOKIE})
"""Of these a request may have more than one text."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A policy with its enabled rules, one at least."""

    policy: L7Policy
    rules: tuple[L7Rule, ...]

    @property
    def pool_id(self) -> str | None:
        """Where it sends requests, if it sends them to members."""
        return self.policy.redirect_pool_id if self.policy.action is PolicyAction.REDIRECT_TO_POOL else None


@dataclass(frozen=True, slots=True)
class Level:
    """A text of the request and how it is compared. ``key``: the name of the header, cookie or field, "" where there is
    none; ``several``: a request may have more than one such text."""

    type: RuleType
    key: str
    beginning: bool
    several: bool

    @property
    def sign(self) -> str:
        """What stands between state and text in the name of an entry."""
        return "^" if self.beginning else "="

    @property
    def order(self) -> tuple[bool, bool, int, str]:
        """Within a group: what leads to fewest states first, and last what may lead to several."""
        return (self.several, self.beginning, _ORDER[self.type], self.key)


@dataclass(frozen=True, slots=True)
class Group:
    """``state``: where it begins. ``conditions``: rules that have to match, too."""

    state: int
    levels: tuple[Level, ...]
    conditions: tuple[L7Rule, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A policy of no group. ``bound``: it comes before what is found with this rank or a higher one."""

    policy: PolicyInForce
    bound: int


@dataclass(frozen=True, slots=True)
class Index:
    """``entries``: of all groups, name to the next state, after the last level to the rank. ``looked_up``: the policies
    in groups. Both lists of policies are in the order in which they apply."""

    groups: tuple[Group, ...]
    entries: Mapping[str, int]
    looked_up: tuple[PolicyInForce, ...]
    tried: tuple[Tried, ...]


def make_index(policies: Sequence[PolicyInForce], result_of: Callable[[PolicyInForce], int]) -> Index:
    """``policies`` in the order in which they apply. ``result_of``: a number below RESULTS for what becomes of the
    request."""
    drafts = _choose_groups(policies)
    places = {member.place for draft in drafts for member in draft.members}
    ranks: dict[int, int] = {}
    looked_up: list[PolicyInForce] = []
    tried: list[Tried] = []
    before = 0
    for place, each in enumerate(policies):
        rejects = each.policy.action is PolicyAction.REJECT
        if place in places:
            looked_up.append(each)
            # All refusals are the same and the first of all.
            ranks[place] = 0 if rejects else (before * _PLACES + len(looked_up)) * RESULTS + result_of(each)
        else:
            before += not rejects
            tried.append(Tried(each, before * _PLACES * RESULTS))
    groups: list[Group] = []
    entries: dict[str, int] = {}
    first = 0
    for draft in drafts:
        groups.append(Group(first, draft.levels, draft.conditions))
        entries |= {f"{first + state}{name}": first + further for (state, name), further in draft.steps.items()}
        last = draft.levels[-1]
        for state, members in draft.ends.items():
            found = _lowest(((member.texts[-1], ranks[member.place]) for member in members), last)
            entries |= {f"{first + state}{last.sign}{text}": rank for text, rank in found.items()}
        first += 1 + len(draft.steps)
    return Index(tuple(groups), entries, tuple(looked_up), tuple(tried))


def is_rank(entry: int) -> bool:
    """Of a policy that does not refuse; others are states, which are fewer."""
    return entry >= RESULTS


@dataclass(frozen=True, slots=True)
class _Member:
    """``place`` of the policy among all; ``texts``: one for each level."""

    place: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A group whose states count from 0. ``steps``: (state, sign and text) to the next state, on all levels but the
    last; ``ends``: the states in which the last level is looked up, with the members that matter there."""

    levels: tuple[Level, ...]
    conditions: tuple[L7Rule, ...]
    members: tuple[_Member, ...]
    steps: Mapping[tuple[int, str], int]
    ends: Mapping[int, Sequence[_Member]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the policies of a group have in common; ``conditions`` by what they mean."""

    levels: tuple[Level, ...]
    conditions: tuple[tuple[str, ...], ...]

    @property
    def order(self) -> tuple[object, ...]:
        return (tuple(level.order for level in self.levels), self.conditions)


def _choose_groups(policies: Sequence[PolicyInForce]) -> list[_Draft]:
    """In an order that does not depend on the texts."""
    members: dict[_Shape, list[_Member]] = defaultdict(list)
    conditions: dict[_Shape, list[tuple[str, tuple[L7Rule, ...]]]] = defaultdict(list)
    for place, each in enumerate(policies):
        found, others = _split(each.rules)
        levels = tuple(sorted(found, key=lambda level: level.order))
        if levels:
            shape = _Shape(levels, tuple(sorted(map(_meaning_of, others))))
            members[shape].append(_Member(place, tuple(found[level] for level in levels)))
            conditions[shape].append((each.policy.id, tuple(others)))
    drafts: list[tuple[_Shape, _Draft]] = []
    for shape in sorted(members, key=lambda shape: (-len(members[shape]), shape.order)):
        if len(drafts) < _MOST_GROUPS and (not shape.conditions or len(members[shape]) >= _FEWEST_SHARING):
            # Whose rules stand for those of all does not depend on the order of the policies.
            _, shared = min(conditions[shape], key=lambda each: each[0])
            draft = _draft(shape.levels, shared, members[shape])
            drafts += [] if draft is None else [(shape, draft)]
    drafts.sort(key=lambda each: each[0].order)
    tried = len(policies) - sum(len(draft.members) for _, draft in drafts)
    return [draft for _, draft in drafts] if tried < _MOST_TRIED and len(policies) < _PLACES else []


def _draft(levels: tuple[Level, ...], conditions: tuple[L7Rule, ...], members: Sequence[_Member]) -> _Draft | None:
    """None where beginnings within beginnings would make it too large."""
    steps: dict[tuple[int, str], int] = {}
    ends: dict[int, Sequence[_Member]] = {0: members}
    states = 0
    for number, level in enumerate(levels[:-1]):
        size = 0
        reached: dict[int, Sequence[_Member]] = {}
        for state, those in ends.items():
            own: dict[str, list[_Member]] = defaultdict(list)
            for member in those:
                own[member.texts[number]].append(member)
            for text in own:
                within = [own[each] for each in _within(text, own, level)]
                size += sum(map(len, within))
                if size > _ENTRIES_A_POLICY * len(members):
                    return None
                states += 1
                steps[state, f"{level.sign}{text}"] = states
                reached[states] = [member for each in within for member in each]
        ends = reached
    return _Draft(levels, conditions, tuple(members), steps, ends)


def _lowest(found: Iterable[tuple[str, int]], level: Level) -> dict[str, int]:
    """The rank at which a text leads, or the longest known beginning of it."""
    own: dict[str, int] = {}
    for text, rank in found:
        own[text] = min(rank, own.get(text, NONE))
    return {text: min(own[each] for each in _within(text, own, level)) for text in own}


def _within(text: str, known: Mapping[str, object], level: Level) -> Iterable[str]:
    """Those that match what begins with this text, or is it."""
    if not level.beginning:
        return (text,)
    return [text[:length] for length in range(len(text) + 1) if text[:length] in known]


def _split(rules: Iterable[L7Rule]) -> tuple[dict[Level, str], list[L7Rule]]:
    """Texts by level, and the rules that no map carries: among them those that look at what another one looks at."""
    levels: dict[Level, str] = {}
    others: list[L7Rule] = []
    for rule in rules:
        found = _level_of(rule)
        taken = found is not None and (
            found[0] in levels or (found[0].several and any(level.several for level in levels))
        )
        if found is None or taken or len(levels) == _MOST_LEVELS:
            others.append(rule)
        else:
            levels[found[0]] = found[1]
    return levels, others


def _level_of(rule: L7Rule) -> tuple[Level, str] | None:
    beginning = rule.compare_type is Comparison.STARTS_WITH
    if rule.invert or rule.type not in _ORDER or not (beginning or rule.compare_type is Comparison.EQUAL_TO):
        return None
    text, key = comparable(rule), rule.key or ""
    if not text or " " in text:
        return None
    if rule.type is RuleType.HEADER:
        key = key.lower()
        if "," in text:
            return None  # of a list of values each, and the whole
    if rule.type is RuleType.HOST_NAME:
        if not beginning and ":" in text:
            return None  # without a port in it, the host's name without its port is all that counts
        text = lowered(text)
    return Level(rule.type, key, beginning, rule.type in _SEVERAL), text


def comparable(rule: L7Rule) -> str:
    """What a type of files is compared with has no dot in front of it."""
    dotted = rule.type is RuleType.FILE_TYPE and rule.compare_type is Comparison.EQUAL_TO
    return rule.text.removeprefix(".") if dotted else rule.text


def lowered(text: str) -> str:
    """As HAProxy does it: no letters but those of ASCII."""
    return text.encode().lower().decode()


def _meaning_of(rule: L7Rule) -> tuple[str, ...]:
    return (rule.type.value, rule.compare_type.value, rule.key or "", rule.text, str(rule.invert))
