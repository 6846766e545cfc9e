"""Runs one Ansible playbook on several hosts at once, each of them this machine as another caller of the service.

Its tasks are modules of the collection ``openstack.cloud``. Starting ``ansible-playbook`` and each module costs a
second or so, hence one playbook for all.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = _ROOT / ".clients" / "ansible"
_MODULES = _ENVIRONMENT / "collections" / "ansible_collections" / "openstack" / "cloud" / "plugins" / "modules"


@dataclass(frozen=True, slots=True)
class Step:
    """One task: a module with its parameters, and what has to come of it.

    ``changed`` None: it has to fail with ``shown`` in its message. Otherwise ``shown`` are the attributes that the
    object has, which the module gives back as ``key``. ``hosts``: where it runs; empty: everywhere.
    """

    module: str
    changed: bool | None
    parameters: Mapping[str, Any]
    key: str = ""
    shown: Any = field(default_factory=dict)
    hosts: tuple[str, ...] = ()

    def task(self, number: int) -> dict[str, Any]:
        condition = {"when": f"inventory_hostname in {list(self.hosts)}"} if self.hosts else {}
        return {
            "name": str(number),
            f"openstack.cloud.{self.module}": dict(self.parameters),
            "ignore_errors": True,
            **condition,
        }

    def judge(self, result: Mapping[str, Any]) -> None:
        said = json.dumps(result)[:2000]
        if self.changed is None:
            assert result.get("failed"), f"{self} was meant to fail: {said}"
            assert self.shown in result["msg"], f"{self}: {said}"
            return
        assert not result.get("failed"), f"{self}: {said}"
        assert result["changed"] is self.changed, f"{self}: {said}"
        if self.key:
            found = {name: result[self.key][name] for name in self.shown}
            assert found == self.shown, f"{self}: {found}"


def modules_for_load_balancers() -> set[str]:
    """Every module of the installed collection that asks for load balancers or what belongs to them."""
    assert _MODULES.is_dir(), f"{_ENVIRONMENT} is missing: run tools/setup test"
    return {each.stem for each in _MODULES.glob("*.py") if "conn.load_balancer" in each.read_text()}


def run(steps: Sequence[Step], callers: Mapping[str, Mapping[str, str]], directory: Path) -> None:
    """``callers``: name of the host → the environment's ``OS_…`` that its modules have. Judges each step."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "environment": "{{ access }}",
        "tasks": [step.task(number) for number, step in enumerate(steps)],
    }
    everywhere = {"ansible_connection": "local", "ansible_python_interpreter": str(_ENVIRONMENT / "bin" / "python")}
    hosts = {name: {"access": dict(access)} for name, access in callers.items()}
    playbook, inventory = directory / "playbook.json", directory / "inventory.json"
    playbook.write_text(json.dumps([play]))
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": everywhere}}))
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "ANSIBLE_"))}
    settings = {
        "ANSIBLE_CALLBACK_PLUGINS": str(_ROOT / "tests" / "clients" / "ansible_callbacks"),
        "ANSIBLE_COLLECTIONS_PATH": str(_ENVIRONMENT / "collections"),
        "ANSIBLE_FORKS": str(len(callers)),
        "ANSIBLE_HOME": str(directory),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_STDOUT_CALLBACK": "results",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [str(_ENVIRONMENT / "bin" / "ansible-playbook"), "-i", str(inventory), str(playbook)],
        env={**plain, **settings},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {(each["host"], int(each["task"])): each["result"] for each in results}
    for number, step in enumerate(steps):
        for host in step.hosts or callers:
            assert (host, number) in found, f"{host}: {step} was not run: {done.stdout[-3000:]}{done.stderr[-3000:]}"
            step.judge(found[host, number])
