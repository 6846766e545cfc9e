"""The policies of an index (``policy_index``) as lines of a frontend and as the map that these look into. Pure.

The map leads from what a request holds to a rank, and from the lower part of a rank to the name of a backend or to a
location; where no ranks are compared, straight to the backend. It is one file for all of that, so that it changes at
once. User text stands in the names of entries, without blanks and behind a number and a sign, and in locations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from evenload.model.enums import PolicyAction
from evenload.model.named_file import NamedFile
from evenload.model.secret import SecretBytes
from evenload.model.slot import Slot, SlotKind
from evenload.render import quoting
from evenload.render.haproxy_rules import fetch_several, name_variable, render_condition
from evenload.render.policy_index import NONE, RESULTS, Group, Index, Level, PolicyInForce, is_rank

CODES = (301, 302, 303, 307, 308)
FOUND = 302

_WAYS = 16
"""A result is a number that comes from its text, times this, plus the way: 0 to a pool, from 1 on redirects. Way 15 is
that of no policy alone."""
_REDIRECTS = [
    (action, code) for action in (PolicyAction.REDIRECT_TO_URL, PolicyAction.REDIRECT_PREFIX) for code in CODES
]
_LOWER = (
    "sub(txn.rank),set-var(txn.less),and(-9223372036854775808),div(9223372036854775807),and(txn.less)"
    ",add(txn.rank),set-var(txn.rank)"
)
"""The lower one of a number and the rank becomes the rank. ``set-var(txn.rank,ifgt)`` fails where it sets nothing, and
an ACL ends at a text for which something fails. So the difference is added where it is below zero: there its highest
bit, brought down by a division, is a mask of ones."""
_RESULT = ">"
"""Behind the number of a result in the map; behind that of a state stands another sign."""
_WORDS = {PolicyAction.REDIRECT_TO_URL: "location", PolicyAction.REDIRECT_PREFIX: "prefix"}


@dataclass(frozen=True, slots=True)
class Lookups:
    """``searches``: find the rank; the others do what it says."""

    searches: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    files: tuple[NamedFile, ...] = ()


def number_results(policies: Iterable[PolicyInForce], backends: Mapping[str, str]) -> dict[PolicyInForce, int]:
    """Of those that refuse nothing. The same result has the same number, whatever the others are (but for one in many
    millions)."""
    texts = {each: _result_of(each, backends) for each in policies if each.policy.action is not PolicyAction.REJECT}
    numbers: dict[tuple[int, str], int] = {}
    taken: set[int] = set()
    for way, text in sorted(set(texts.values())):
        number = int(sha256(text.encode()).hexdigest()[:12], 16) % (RESULTS // _WAYS)
        while number * _WAYS + way in taken:
            number = (number + 1) % (RESULTS // _WAYS)
        numbers[way, text] = number * _WAYS + way
        taken.add(number * _WAYS + way)
    return {each: numbers[result] for each, result in texts.items()}


def _result_of(each: PolicyInForce, backends: Mapping[str, str]) -> tuple[int, str]:
    """Way and text."""
    policy = each.policy
    if each.pool_id is not None:
        return 0, backends[each.pool_id]
    where = policy.redirect_url if policy.action is PolicyAction.REDIRECT_TO_URL else policy.redirect_prefix
    try:
        way = 1 + _REDIRECTS.index((policy.action, policy.redirect_http_code or FOUND))
    except ValueError as error:
        raise quoting.UnsafeText("redirect code") from error
    return way, quoting.map_value(where or "")


def render_lookups(
    index: Index,
    results: Mapping[PolicyInForce, int],
    backends: Mapping[str, str],
    subjects: Mapping[str, str],
    directory: str,
    owner: str,
) -> Lookups:
    """``results``: as ``number_results`` gave them. ``subjects``: as of ``name_subjects``. ``directory``: with the load
    balancer's slots. ``owner``: the id of the listener."""
    if not index.groups:
        return Lookups()
    texts = {results[each]: _result_of(each, backends)[1] for each in index.looked_up if each in results}
    direct = _leads_directly(index, results)
    ends = texts if direct else {}
    lines = [f"{quoting.map_key(name)} {_value(entry, ends)}\n" for name, entry in index.entries.items()]
    lines += [f"{number}{_RESULT} {text}\n" for number, text in sorted(texts.items()) if not direct]
    file = NamedFile(SecretBytes("".join(lines).encode()))
    slot = Slot(SlotKind.MAP, f"{quoting.identifier(owner)}.policies", file.name)
    path = f"{directory}/{slot.name}"
    if direct:
        [group] = index.groups
        choice = f"    use_backend %[{_steps(group.state, group.levels, subjects, path)}]"
        return Lookups(choices=(choice,), slots=(slot,), files=(file,))
    compared = len(index.groups) > 1 or index.groups[0].levels[-1].several
    searches = [f"    http-request set-var(txn.rank) int({NONE})"] if compared else []
    for group in index.groups:
        searches += _search(group, subjects, path, "txn.rank,ifgt" if compared else "txn.rank")
    target = f"%[var(txn.rank),mod({RESULTS}),concat({_RESULT}),map_str({path})]"
    ways = {number % _WAYS for number in texts}
    its_way = f"var(txn.rank),mod({_WAYS}) -m int"
    redirects = [
        f"    http-request redirect {_WORDS[action]} {target} code {code} if {{ {its_way} {way} }}"
        for way, (action, code) in enumerate(_REDIRECTS, 1)
        if way in ways
    ]
    refuses = any(each not in results for each in index.looked_up)
    return Lookups(
        searches=tuple(searches),
        refusals=("    http-request deny deny_status 403 if { var(txn.rank) -m int 0 }",) if refuses else (),
        redirects=tuple(redirects),
        # Where nothing was found it names no backend, and the default one is taken.
        choices=(f"    use_backend {target}",) if 0 in ways else (),
        slots=(slot,),
        files=(file,),
    )


def _leads_directly(index: Index, results: Mapping[PolicyInForce, int]) -> bool:
    """Whether what is found need not be compared with anything, and is a pool: so its backend can stand in the map."""
    if len(index.groups) != 1 or index.groups[0].conditions or index.groups[0].levels[-1].several:
        return False
    if any(each.policy.policy.action is not PolicyAction.REJECT for each in index.tried):
        return False
    return all(each.pool_id is not None and each in results for each in index.looked_up)


def _value(entry: int, ends: Mapping[int, str]) -> int | str:
    """``ends``: texts that stand in place of ranks, by the number of the result."""
    return ends[entry % RESULTS] if ends and is_rank(entry) else entry


def _search(group: Group, subjects: Mapping[str, str], path: str, rank: str) -> list[str]:
    """``rank``: the variable that is set. One line where each level has one text. Of several texts each is tried by an
    ACL that never matches: HAProxy then goes on to the next one, and the lowest rank is kept."""
    *ways, last = group.levels
    condition = render_condition(group.conditions)
    if not last.several:
        search = (
            f"    http-request set-var({rank}) {_steps(group.state, group.levels, subjects, path)},add(0)"  # a number
        )
        return [f"{search} if {condition}" if condition else search]
    lines = []
    state = str(group.state)
    if ways:
        state = f"txn.state{group.state}"
        lines.append(f"    http-request set-var({state}) {_steps(group.state, ways, subjects, path)}")
    name = f"group:{group.state}"
    lines.append(
        f"    acl {name} {fetch_several(last)},set-var(txn.text),length,mul(0),add({state})"
        f",concat({last.sign},txn.text),map_{_tree(last)}({path},{NONE}),{_LOWER} -m int lt 0"
    )
    lines.append(f"    http-request set-var(txn.searched) int(1) if {' '.join((condition, name)).strip()}")
    return lines


def _steps(state: int, levels: Iterable[Level], subjects: Mapping[str, str], path: str) -> str:
    """From state to state."""
    steps = [f",concat({level.sign},{name_variable(level, subjects)}),map_{_tree(level)}({path})" for level in levels]
    return f"str({state}){''.join(steps)}"


def _tree(level: Level) -> str:
    return "beg" if level.beginning else "str"
