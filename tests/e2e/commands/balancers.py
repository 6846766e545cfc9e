"""``openstack loadbalancer …`` of load balancers themselves, and of the amphorae that they are shown as."""

from tests.e2e.commands.stage import UNSUPPORTED, Stage
from tests.waiting import eventually


def load_balancers(stage: Stage) -> None:
    """Leaves none; begins with none."""
    _created(stage)
    _changed(stage)
    _listed(stage)
    _failed_over(stage)
    stage.refused("loadbalancer delete cmd-none", "Unable to locate cmd-none")
    stage.say("loadbalancer delete --wait --cascade cmd-lb", "loadbalancer delete --wait cmd-two")
    stage.say("loadbalancer delete cmd-three --wait")
    stage.lists("loadbalancer list", [])
    stage.say("port delete cmd-port", "subnet delete cmd-sub6")


def _created(stage: Stage) -> None:
    subnet6 = stage.read("subnet create --network net --ip-version 6 --subnet-range 2001:db8:99::/64 cmd-sub6")
    port = stage.read("port create --network net --fixed-ip subnet=sub,ip-address=10.88.0.150 cmd-port")
    made = stage.read(
        "loadbalancer create --name cmd-lb --description first --vip-subnet-id sub --vip-address 10.88.0.151"
        " --additional-vip subnet-id=cmd-sub6,ip-address=2001:db8:99::51 --provider amphora --tag red --enable --wait",
        name="cmd-lb",
        description="first",
        vip_address="10.88.0.151",
        provider="amphora",
        project_id=stage.project_id,
        admin_state_up=True,
        provisioning_status="ACTIVE",
        tags=["red"],
    )
    assert made["additional_vips"] == [
        {"subnet_id": subnet6["id"], "ip_address": "2001:db8:99::51", "port_id": made["vip_port_id"]}
    ]
    stage.read(
        "loadbalancer create --name cmd-two --vip-port-id cmd-port --disable --tag red --tag blue"
        f" --project {stage.other}",
        vip_address="10.88.0.150",
        vip_port_id=port["id"],
        admin_state_up=False,
        project_id=stage.other_id,
        tags=["red", "blue"],
        provisioning_status="PENDING_CREATE",
    )
    stage.read("loadbalancer create --name cmd-three --vip-network-id net --no-tag", tags=[], flavor_id=None)
    create = "loadbalancer create --name cmd-no --vip-subnet-id sub"
    for option, words in (
        ("--vip-qos-policy-id cmd-none", "Unable to locate cmd-none in policies"),
        ("--vip-sg-id cmd-none", "Unable to locate cmd-none in security_groups"),
        ("--flavor cmd-none", "Unable to locate cmd-none in flavors"),
        ("--availability-zone cmd-none", "Invalid availability_zone"),
        ("--provider vendor", "Provider 'vendor' is not enabled. (HTTP 400)"),
        ("--vip-address 192.0.2.1", "192.0.2.1"),
        ("--vip-address 10.88.0.151", "10.88.0.151"),
    ):
        stage.refused(f"{create} {option}", words)
    stage.refused("loadbalancer create --name cmd-no", "Requires one of --vip-subnet-id")


def _changed(stage: Stage) -> None:
    stage.say("loadbalancer set --name cmd-new --description second --disable --tag blue --wait cmd-lb")
    stage.read(
        "loadbalancer show cmd-new",
        description="second",
        admin_state_up=False,
        tags=["blue", "red"],
        provisioning_status="ACTIVE",
    )
    stage.say("loadbalancer set --no-tag --tag red --enable --vip-qos-policy-id none cmd-new")
    stage.read("loadbalancer show cmd-new", admin_state_up=True, tags=["red"], vip_qos_policy_id=None)
    stage.refused("loadbalancer set --vip-sg-id cmd-none cmd-new", "Unable to locate cmd-none in security_groups")
    stage.say("loadbalancer unset --name --description --vip-qos-policy-id --vip-sg-id --all-tag --wait cmd-new")
    shown = stage.shell.read("loadbalancer list")
    (unnamed,) = [each["id"] for each in shown if each["name"] == ""]
    stage.read(f"loadbalancer show {unnamed}", name="", description="", tags=[], vip_sg_ids=[])
    stage.say(f"loadbalancer set --name cmd-lb --tag red --tag blue {unnamed}", "loadbalancer unset --tag blue cmd-lb")
    stage.read("loadbalancer show cmd-lb", tags=["red"])


def _listed(stage: Stage) -> None:
    one = stage.read("loadbalancer show cmd-lb")
    everything = ["cmd-lb", "cmd-two", "cmd-three"]
    for name in everything:
        stage.say(f"loadbalancer set --wait --name {name} {name}")
    for option, names in (
        ("", everything),
        ("--name cmd-two", ["cmd-two"]),
        ("--enable", ["cmd-lb", "cmd-three"]),
        ("--disable", ["cmd-two"]),
        (f"--project {stage.other}", ["cmd-two"]),
        (f"--project {stage.project}", ["cmd-lb", "cmd-three"]),
        ("--vip-network-id net", everything),
        ("--vip-subnet-id sub", everything),
        ("--vip-subnet-id cmd-sub6", []),
        (f"--vip-port-id {one['vip_port_id']}", ["cmd-lb"]),
        ("--provisioning-status ACTIVE", everything),
        ("--provisioning-status error", []),
        ("--operating-status DEGRADED", []),
        ("--availability-zone cmd-none", []),
        ("--provider amphora", ["cmd-lb"]),
        ("--name cmd-lb --provider evenload", []),
    ):
        stage.lists(f"loadbalancer list {option}", names)
    stage.refused("loadbalancer list --vip-qos-policy-id cmd-none", "Unable to locate cmd-none in policies")
    stage.refused("loadbalancer list --flavor cmd-none", "Unable to locate cmd-none in flavors")
    stage.lists_by_tags("loadbalancer list", "cmd-lb", "cmd-two", "cmd-three")
    tree = stage.shell.say("loadbalancer status show cmd-lb")
    assert one["id"] in tree
    stage.read(
        "loadbalancer stats show cmd-lb",
        active_connections=0, bytes_in=0, bytes_out=0, request_errors=0, total_connections=0,
    )  # fmt: skip


def _failed_over(stage: Stage) -> None:
    """A load balancer, and then its amphora, which is another one after each time."""
    stage.say("loadbalancer failover --wait cmd-lb")
    one = stage.read("loadbalancer show cmd-lb", provisioning_status="ACTIVE")
    (amphora,) = stage.shell.read("loadbalancer amphora list --loadbalancer cmd-lb --long")
    assert {name: amphora[name] for name in ("loadbalancer_id", "role", "status", "ha_ip")} == {
        "loadbalancer_id": one["id"],
        "role": "STANDALONE",
        "status": "ALLOCATED",
        "ha_ip": "10.88.0.151",
    }
    compute = amphora["compute_id"]
    for option, number in (
        (f"--compute-id {compute}", 3),
        ("--compute-id cmd-none", 0),
        ("--role STANDALONE", 3),
        ("--role MASTER", 0),
        ("--status ALLOCATED", 3),
        ("--provisioning-status error", 0),
        ("--image-id cmd-none", 0),
    ):
        assert len(stage.shell.read(f"loadbalancer amphora list {option}")) == number, option
    key = amphora["id"]
    stage.read(f"loadbalancer amphora show {key}", id=key, vrrp_port_id=one["vip_port_id"], compute_id=compute)
    stage.say(f"loadbalancer amphora configure --wait {key}")
    stage.refused(f"loadbalancer amphora stats show {key}", "404")  # a load balancer without listeners
    stage.read("loadbalancer listener create --wait --name cmd-l --protocol HTTP --protocol-port 80 cmd-lb")
    line = "loadbalancer amphora stats show"
    assert eventually(lambda: stage.shell.succeeds(f"{line} {key}")), "the host reports no statistics"
    for option in ("", "--listener cmd-l"):
        stage.read(f"{line} {option} {key}", bytes_in=0, total_connections=0)
    stage.refused(f"loadbalancer amphora delete --wait {key}", "HTTP 409")
    stage.say(f"loadbalancer amphora failover --wait {key}")
    stage.refused(f"loadbalancer amphora show {key}", "not found")
    (other,) = stage.shell.read("loadbalancer amphora list --loadbalancer cmd-lb")
    assert other["id"] != key
    stage.refused("loadbalancer delete cmd-lb", "cascade")
    stage.refused(
        "loadbalancer listener create --name cmd-u --protocol UDP --protocol-port 80 cmd-lb", UNSUPPORTED, "UDP"
    )
