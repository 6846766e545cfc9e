"""What hangs on load balancers, each kind with a load balancer to hang on."""

from tests.e2e.commands.l7 import l7
from tests.e2e.commands.listeners import listeners
from tests.e2e.commands.pools import pools
from tests.e2e.commands.stage import Stage


def parts(stage: Stage) -> None:
    pool = "loadbalancer pool create --protocol HTTP --lb-algorithm SOURCE_IP --loadbalancer cmd-lb"
    for name in ("cmd-lb", "cmd-other"):
        stage.read(f"loadbalancer create --name {name} --vip-subnet-id sub --wait", provisioning_status="ACTIVE")
    stage.read(f"{pool} --name cmd-pool")
    listeners(stage)
    stage.say("loadbalancer pool delete --wait cmd-pool")
    listener = "loadbalancer listener create --protocol HTTP --wait"
    stage.read(f"{listener} --name cmd-l --protocol-port 80 cmd-lb")
    pools(stage)
    stage.read(f"{pool} --name cmd-p")
    stage.read(f"{listener} --name cmd-o --protocol-port 81 cmd-lb")
    l7(stage)
    stage.say("loadbalancer delete --cascade --wait cmd-lb", "loadbalancer delete --cascade --wait cmd-other")
