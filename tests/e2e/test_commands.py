"""Every command of the ``openstack`` client for load balancers, with each of its options, judged by what it prints.

By callers without Keystone, and with its catalog. A command or an option that a later client brings fails here until a
story in ``commands/`` has it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

import pytest
from tests.e2e.commands.access import access_by_keystone, access_without_keystone
from tests.e2e.commands.balancers import load_balancers
from tests.e2e.commands.networks import networks, others
from tests.e2e.commands.offers import flavors, providers, quotas, zones
from tests.e2e.commands.parts import parts
from tests.e2e.commands.shell import openstack_shell
from tests.e2e.commands.stage import Stage, store_secrets
from tests.e2e.keystone_site import Site
from tests.e2e.world import Reply, World


@pytest.fixture(scope="module", params=["none", "keystone"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    asking: Callable[..., Reply]
    if request.param == "none":
        world: World = request.getfixturevalue("session_world")
        access, asking = access_without_keystone(world), world.ask
        projects = {"project": "default", "project_id": "default", "other": "red", "other_id": "red"}
    else:
        site: Site = request.getfixturevalue("keystone_site")
        access, asking = access_by_keystone(site), partial(site.ask, token=site.token("admin"))
        blue, red = site.projects["blue"], site.projects["red"]
        projects = {"project": "blue", "project_id": blue, "other": "red", "other_id": red}
    with ExitStack() as stack:
        stored = store_secrets(partial(keep, asking, stack))
        yield Stage(shell=stack.enter_context(openstack_shell(access)), stored=stored, **projects)


def keep(asking: Callable[..., Reply], stack: ExitStack, text: str) -> str:
    """Until the end of the stack. Returns the reference."""
    made = asking("POST", "/v1/secrets", {"payload": text, "payload_content_type": "text/plain"})
    assert made.status == 201, made
    reference: str = made.body["secret_ref"]
    stack.callback(lambda: asking("DELETE", urlsplit(reference).path))
    return reference


def test_every_load_balancer_command(stage: Stage) -> None:
    try:
        load_balancers(stage)
        parts(stage)
        flavors(stage)
        zones(stage)
        providers(stage)
        quotas(stage)
    finally:
        stage.clear()
    assert stage.shell.unused("openstack.load_balancer.v2") == []


def test_the_network_commands_around_a_load_balancer(stage: Stage) -> None:
    try:
        networks(stage)
        others(stage)
    finally:
        for kind in ("port", "subnet", "network"):
            left = [each["ID"] for each in stage.shell.read(f"{kind} list") if each["Name"].startswith("cmd-")]
            if left:
                stage.say(f"{kind} delete {' '.join(left)}")
