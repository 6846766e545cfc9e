"""Where the commands are typed: a client, what is there to be named, and how to look at what came of a command."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.e2e.commands.shell import Shell
from tests.unit.secrets.authority import make, revocations

_LONG = 36_500
"""Days."""
UNSUPPORTED = "does not support a requested option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """References of what is kept for the project of whoever types."""

    certificate: str
    another: str
    authorities: str
    revocations: str


def store_secrets(store: Callable[[str], str]) -> Stored:
    """``store``: keeps a text, and answers its reference."""
    web, other = (make(f"{name}.example.com", days=_LONG) for name in ("www", "other"))
    authority = make("Clients", days=_LONG, authority=True)
    return Stored(
        certificate=store((web.pem + web.key_pem()).decode()),
        another=store((other.pem + other.key_pem()).decode()),
        authorities=store(authority.pem.decode()),
        revocations=store(revocations(authority, now=datetime.now(UTC)).decode()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``project``: who types. ``other``: a project of somebody else. Both as they are named on the command line;
    ``project_id``: as the first one is shown. The network ``net`` with the subnet ``sub`` is there."""

    shell: Shell
    stored: Stored
    project: str
    project_id: str
    other: str
    other_id: str

    def clear(self) -> None:
        """Removes what a story that failed has left."""
        for each in self.shell.read("loadbalancer list"):
            self.shell.say(f"loadbalancer delete --cascade --wait {each['id']}")
        for kind in ("flavor", "flavorprofile", "availabilityzone", "availabilityzoneprofile"):
            for each in self.shell.read(f"loadbalancer {kind} list"):
                self.shell.say(f"loadbalancer {kind} delete {each['name']}")

    def say(self, *lines: str) -> None:
        """Commands that print nothing."""
        for line in lines:
            assert self.shell.say(line) == "", line

    def read(self, line: str, **expected: Any) -> Any:
        """What is shown; ``expected``: as it has to be shown."""
        shown = self.shell.read(line)
        found = {name: shown[name] for name in expected}
        for each in (found, expected):
            if "tags" in each:  # the client keeps them in sets
                each["tags"] = sorted(each["tags"])
        assert found == expected, f"{line}: {found}, not {expected}"
        return shown

    def lists(self, line: str, names: Iterable[str], key: str = "name") -> list[dict[str, Any]]:
        """What is listed; it has to be exactly these, in any order."""
        listed: list[dict[str, Any]] = self.shell.read(line)
        assert sorted(each[key] for each in listed) == sorted(names), f"{line}: {listed}"
        return listed

    def refused(self, line: str, *words: str) -> None:
        """``words``: of the complaint."""
        complaint = self.shell.refused(line)
        for word in words:
            assert word in complaint, f"{line}: {complaint}"

    def lists_by_tags(self, line: str, red: str, both: str, none: str, key: str = "name") -> None:
        """Of three objects, one with the tag red, one with the tags red and blue, and one without any."""
        self.lists(f"{line} --tags red,blue", [both], key)
        self.lists(f"{line} --any-tags blue,green", [both], key)
        self.lists(f"{line} --not-tags red,blue", [red, none], key)
        self.lists(f"{line} --not-any-tags red,blue", [none], key)
