"""docs/examples.md and the files of ``examples``: what can be had is run, one after the other; the others are read, and
what they say is asked of the service as their clients ask it."""

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]
from openstack.config import OpenStackConfig
from tests.pages.reading import ROOT, read_blocks
from tests.pages.rooms import Room, open_room
from tests.pages.walking import Told, Walk

PAGE = "docs/examples.md"
EXAMPLES = ROOT / "examples"
CLIENTS = ROOT / ".clients"
SHOP = "http://10.78.0.150/"
SETTINGS = f"""
export PATH=$PATH:{CLIENTS}/ansible/bin ANSIBLE_COLLECTIONS_PATH={CLIENTS}/ansible/collections ANSIBLE_HOME=$HOME
export GO111MODULE=off GOPATH={CLIENTS}/gophercloud GOCACHE={CLIENTS}/gophercloud/cache CGO_ENABLED=0
"""
TOLD = (
    Told("openstack loadbalancer list"),
    Told("python examples/openstacksdk/shop.py", SHOP),
    Told(f"curl {SHOP}", "Directory listing"),
    Told("ansible-playbook", "changed=5 .* failed=0"),
    Told(f"curl {SHOP}", "Directory listing"),
    Told("ansible-playbook", "changed=0 .* failed=0"),
    Told("go run", "is ACTIVE"),
    Told(f"curl {SHOP}", "Directory listing"),
)
_RESOURCE = re.compile(r'^resource "openstack_lb_(\w+)_v2" "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_ARGUMENT = re.compile(r"^  (\w+) += (.+)$", re.MULTILINE)
_REFERENCE = re.compile(r"openstack_lb_(\w+)_v2\.(\w+)\.id")
_COLLECTIONS = {"loadbalancer": "loadbalancers", "listener": "listeners", "pool": "pools", "monitor": "healthmonitors"}


def test_the_examples_that_can_be_run_and_terraforms_resources() -> None:
    with open_room() as room, room.shell() as shell:
        walk = Walk(room, shell, TOLD)
        walk.page("docs/start.md", "By hand")
        walk.command(SETTINGS)
        [remove] = (block for block in read_blocks(PAGE) if block.heading == "Examples")
        walk.page(PAGE, "openstacksdk and openstack")
        walk.block(remove)
        walk.page(PAGE, "Ansible")
        walk.command("ansible-playbook examples/ansible/shop.yaml")
        walk.block(remove)
        walk.page(PAGE, "gophercloud")
        walk.block(remove)
        subnet = room.say("curl -sf http://127.0.0.1:9876/v2.0/subnets?name=web")
        apply(room, json.loads(subnet)["subnets"][0]["id"])
        walk.command(f"until curl -s {SHOP} | grep 'Directory listing'; do sleep 0.1; done")
        walk.block(remove)
        walk.finish()


def apply(room: Room, subnet_id: str) -> None:
    """As the provider: a POST for each resource, after those that it names, with the names of its arguments but one."""
    made: dict[str, str] = {"data.openstack_networking_subnet_v2.web.id": subnet_id}
    for kind, name, arguments in resources():
        body: dict[str, Any] = {}
        for argument, written in arguments.items():
            key = "lb_algorithm" if argument == "lb_method" else argument
            body[key] = made[written] if written in made else json.loads(written)
        if kind == "member":
            path, wrapper = f"pools/{body.pop('pool_id')}/members", "member"
        else:
            path, wrapper = _COLLECTIONS[kind], _COLLECTIONS[kind].removesuffix("s")
        sent = json.dumps({wrapper: body})
        answer = room.say(
            f"curl -s --fail-with-body -H 'Content-Type: application/json' -d '{sent}' "
            f"http://127.0.0.1:9876/v2.0/lbaas/{path}"
        )
        made[f"openstack_lb_{kind}_v2.{name}.id"] = json.loads(answer)[wrapper]["id"]


def resources() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Kind, name and arguments, those first that others name."""
    found = {
        (kind, name): dict(_ARGUMENT.findall(body))
        for kind, name, body in _RESOURCE.findall((EXAMPLES / "terraform/main.tf").read_text())
    }
    assert {kind for kind, _ in found} == {*_COLLECTIONS, "member"}
    told: set[tuple[str, str]] = set()
    while len(told) < len(found):
        for place, arguments in found.items():
            needed = {tuple(match) for value in arguments.values() for match in _REFERENCE.findall(value)}
            if place not in told and needed <= told:
                told.add(place)
                yield *place, arguments


def test_terraforms_file_is_laid_out_as_terraform_does() -> None:
    if shutil.which("terraform"):
        words = ["terraform", "fmt", "-check", "-diff", str(EXAMPLES / "terraform")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
    text = (EXAMPLES / "terraform/main.tf").read_text()
    assert text.count("{") == text.count("}")


def test_every_cloud_is_one() -> None:
    config = OpenStackConfig(config_files=[str(EXAMPLES / "clouds.yaml")], load_envvars=False)
    assert {name: config.get_one(name).config["auth_type"] for name in config.get_cloud_names()} == {
        "evenload": "none",
        "evenload-user": "http_basic",
        "evenload-keystone": "password",
    }


def test_kubernetes_files_are_read() -> None:
    settings = configparser.ConfigParser()
    settings.read(EXAMPLES / "kubernetes/cloud.conf")
    assert settings.sections() == ["Global", "LoadBalancer"]
    assert settings.getboolean("LoadBalancer", "internal-lb")
    service = yaml.safe_load((EXAMPLES / "kubernetes/service.yaml").read_text())
    assert (service["kind"], service["spec"]["type"]) == ("Service", "LoadBalancer")


def test_every_file_is_shown_and_every_program_is_laid_out() -> None:
    page = (ROOT / PAGE).read_text()
    files = [path.relative_to(ROOT).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()]
    assert [file for file in files if f"\n[{file}](../{file})\n" not in page] == []
    done = subprocess.run(["gofmt", "-l", str(EXAMPLES)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
