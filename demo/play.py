"""Plays the demo from the first step to the proof that nothing is left, whatever happens in between."""

import http.client
import shutil
import signal
import sys
import time

import openstack

from demo.lab import LabError
from demo.screen import Screen
from demo.service import ServiceError
from demo.steps import Steps
from demo.story import Stage, StoryError
from evenload.model.errors import EvenloadError

_FAILURES = (
    StoryError,
    ServiceError,
    LabError,
    EvenloadError,
    openstack.exceptions.SDKException,
    OSError,
    http.client.HTTPException,
)


def play(*, keep: bool, begun: float) -> int:
    """Returns the exit code; everything made is removed before."""
    screen = Screen(sys.stdout)
    stage = Stage(screen)
    try:
        screen.title("Evenload: one HAProxy in one network namespace per load balancer")
        code = _perform(stage, keep=keep)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # nobody interrupts the cleaning
        clean = _clean(stage)
    if not clean:
        return code or 1
    if code == 0:
        screen.text()
        screen.good("done", f"in {time.monotonic() - begun:.0f} s, nothing left behind")
    return code


def _perform(stage: Stage, *, keep: bool) -> int:
    kept = False
    try:
        stage.build()
        steps = Steps(stage)
        steps.make_network()
        steps.make_balancer()
        steps.show_spread()
        steps.stop_and_start_backend()
        steps.add_third_member()
        if keep:
            kept = True
            _stay(stage, steps)
        else:
            steps.show_statistics()
            steps.delete()
    except KeyboardInterrupt:
        if kept:
            return 0
        stage.screen.bad("interrupted", "cleaning up")
        return 130
    except _FAILURES as error:
        stage.screen.text()
        stage.screen.bad("failed", f"{error}" or type(error).__name__)
        tail = stage.log_tail()
        if tail and tail not in str(error):
            stage.screen.text("The end of the service's log:")
            for line in tail.splitlines():
                stage.screen.text(line)
        return 1
    return 0


def _stay(stage: Stage, steps: Steps) -> None:
    """Prints what to go on with and waits for Ctrl-C, or the end of the service."""
    screen, url = stage.screen, stage.service.url
    balancer, vip = steps.balancer_id, steps.vip
    namespace = stage.client_machine.namespace.name
    screen.step("It stays. In another terminal:")
    for command in (
        f"export PATH={sys.prefix}/bin:$PATH",
        f"export OS_AUTH_TYPE=none OS_ENDPOINT={url}",
        "openstack loadbalancer list",
        "openstack loadbalancer status show demo-lb",
        "openstack loadbalancer stats show demo-lb",
        "openstack loadbalancer member list demo-pool",
        "openstack loadbalancer member set --weight 5 demo-pool web1 --wait",
        "openstack loadbalancer create --name second --vip-subnet-id demo-subnet --wait",
        f"ip netns exec {namespace} {_fetch(f'http://{vip}/')}",
        f"ip netns exec qlbaas-{balancer} ss -tlnp",
        f"cat {stage.lab.state}/load_balancers/{balancer}/haproxy.cfg",
        "openstack loadbalancer delete --cascade demo-lb --wait",
    ):
        screen.text(command)
    screen.text()
    screen.line("service log", str(stage.service.log))
    screen.line("to end it", "Ctrl-C here; everything is removed then")
    while stage.service.running:
        time.sleep(0.2)
    raise StoryError("the service ended by itself")


def _fetch(url: str) -> str:
    if shutil.which("curl"):
        return f"curl {url}"
    return f"{sys.executable} -c 'import urllib.request as u; print(u.urlopen(\"{url}\").read())'"


def _clean(stage: Stage) -> bool:
    """Whether nothing is left; what is left is named."""
    try:
        left = stage.end()
    except (LabError, OSError) as error:
        left = [str(error), *stage.lab.leftovers()]
    if left:
        stage.screen.bad("LEFT BEHIND", ", ".join(left))
        return False
    stage.screen.text()
    stage.screen.line("cleaned up", "service, back ends, namespaces, bridge, files", stage.lab.bridge)
    return True
