"""The load balancers themselves, what is left of those that are gone, and what is missing of those that are there."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from evenload.host.conditions import find_haproxies, find_namespaces
from evenload.host.files import StateFiles
from evenload.host.settings import HostSettings
from evenload.main.doctor.case import Case, Document, Finding, Present, fault, ok, warning
from evenload.main.status.joined import Found, join_overview
from evenload.main.status.judged import SOON, Bounds, expiry_words

_MOST = 10
_RESYNC = "the agent does it at its next resync; its log has the reason where it does not"


def check_load_balancers(case: Case) -> Iterator[Finding]:
    if case.stored is None:
        return
    bounds = Bounds(pending=case.settings.pending_timeout, silence=case.settings.server.agent_down_time)
    service = {"host": case.settings.host_name, "hosts": [], "wrong": []}
    found = Found(now=case.now, service=service, stored=case.stored, sight=case.sight, bounds=bounds)
    lines = join_overview(found)["load_balancers"]
    wrong = [line for line in lines if line["rank"]]
    for line in wrong[:_MOST]:
        level = fault if line["provisioning_status"] == "ERROR" or _all_down(line) else warning
        remedy = f"evenload status {line['id']}"
        yield level("load balancer", f"{line['name'] or line['id']}: {'; '.join(line['reasons'])}", remedy)
    if len(wrong) > _MOST:
        yield warning("load balancer", f"{len(wrong) - _MOST} more need a look", "evenload status")
    if not wrong:
        yield ok("load balancers", f"all are well: {len(lines)}" if lines else "there is none")


def _all_down(line: Document) -> bool:
    return bool(line["members"]["down"] and not line["members"]["up"])


def check_certificates(case: Case) -> Iterator[Finding]:
    if case.stored is None:
        return
    expiries = case.stored.get("expiries", [])
    soon = [each for each in expiries if datetime.fromisoformat(each["not_after"]) - case.now < SOON]
    for each in soon[:_MOST]:
        past = datetime.fromisoformat(each["not_after"]) < case.now
        yield (fault if past else warning)(
            "certificate",
            f"{each['subject'] or 'that'} of {each['kind']} {each['name'] or each['id']} (load balancer "
            f"{each['load_balancer']}) {expiry_words(each['not_after'], case.now)}",
            "store the new one, and set it: docs/secrets.md",
        )
    if len(soon) > _MOST:
        yield warning("certificate", f"{len(soon) - _MOST} more expire within {SOON.days} days")
    if not soon:
        none = f"none of {len(expiries)} expires within {SOON.days} days" if expiries else "none is in use"
        yield ok("certificates", none)


def check_leftovers(case: Case) -> Iterator[Finding]:
    """Namespaces, directories and processes against the load balancers of this host. What comes or goes meanwhile is
    no finding: of what is told now, the first look and this one agree."""
    if case.settings.agent_noop or case.stored is None:
        return
    wanted = {line["id"]: line for line in case.load_balancers_here()}
    found = [*_unknown(case, wanted), *_incomplete(case, wanted)]
    yield from found[:_MOST]
    if len(found) > _MOST:
        yield warning("leftovers", f"{len(found) - _MOST} more of the kind")
    if not found:
        yield ok("leftovers", f"load balancers on this host: {len(wanted)}, and nothing of others")


def find_present(settings: HostSettings) -> Present:
    """What is on the host. Raises HostError."""
    files = StateFiles(settings.state_dir)
    processes = find_haproxies(files)
    namespaces = find_namespaces(settings.netns_dir, processes.foreign)
    return Present(frozenset(namespaces), frozenset(files.load_balancer_ids()), processes.own)


def _unknown(case: Case, wanted: Mapping[str, Document]) -> Iterator[Finding]:
    before, now = case.present, find_present(case.settings.host)
    remedy = _RESYNC if case.agent_runs else "start the agent: it removes what its database does not know"
    for identifier in sorted((before.namespaces | before.directories | before.processes.keys()) - wanted.keys()):
        parts = [
            *(["a namespace"] if identifier in before.namespaces & now.namespaces else []),
            *(["a directory"] if identifier in before.directories & now.directories else []),
            *([f"HAProxy (process {now.processes[identifier][0]})"] if identifier in now.processes else []),
        ]
        if parts:
            words = f"{' and '.join(parts)} of load balancer {identifier}, which is unknown"
            yield warning("leftovers", words, remedy)


def _incomplete(case: Case, wanted: Mapping[str, Document]) -> Iterator[Finding]:
    now = find_present(case.settings.host)
    remedy = _RESYNC if case.agent_runs else "start the agent: it builds it anew"
    for identifier, line in wanted.items():
        lost = [
            *(["no namespace"] if identifier not in now.namespaces else []),
            *(["no directory"] if identifier not in now.directories else []),
        ]
        if lost and line["provisioning_status"] == "ACTIVE":
            yield fault("leftovers", f"{line['name'] or identifier} is ACTIVE, and has {' and '.join(lost)}", remedy)
