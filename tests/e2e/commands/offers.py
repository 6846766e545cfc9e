"""What administrators offer and limit: flavors, availability zones, the profiles of both, providers, quotas."""

import json

from tests.e2e.commands.stage import Stage

_NO_LIMITS = dict.fromkeys(
    ("load_balancer", "listener", "pool", "health_monitor", "member", "l7policy", "l7rule"), -1
)  # fmt: skip


def flavors(stage: Stage) -> None:
    """Leaves none."""
    profile = "loadbalancer flavorprofile"
    data = '{"threads": 2, "loadbalancer_topology": "SINGLE"}'
    made = stage.read(f"{profile} create --name cmd-fp --provider amphora --flavor-data '{data}'", name="cmd-fp")
    assert json.loads(made["flavor_data"]) == json.loads(data)
    stage.read(f"{profile} create --name cmd-gp --provider evenload --flavor-data '{{}}'", provider_name="evenload")
    stage.refused(f"{profile} create --name cmd-no --provider vendor --flavor-data '{{}}'", "vendor")
    line = f"{profile} create --name cmd-no --provider evenload --flavor-data"
    stage.refused(f"{line} '{{\"colour\": 1}}'", "colour")
    stage.refused(f'{line} \'{{"loadbalancer_topology": "ACTIVE_STANDBY"}}\'', "(HTTP 501)", "ACTIVE_STANDBY")
    stage.lists(f"{profile} list", ["cmd-fp", "cmd-gp"])
    stage.lists(f"{profile} list --name cmd-gp", ["cmd-gp"])
    stage.lists(f"{profile} list --provider amphora", ["cmd-fp"])
    stage.say(f"{profile} set --name cmd-hp --provider octavia --flavor-data '{{\"threads\": 3}}' cmd-gp")
    stage.read(f"{profile} show cmd-hp", provider_name="octavia", flavor_data='{"threads": 3}')

    flavor = "loadbalancer flavor"
    line = f"{flavor} create --name cmd-f --flavorprofile cmd-fp --description first --enable"
    first = stage.read(line, flavor_profile_id=made["id"], description="first", enabled=True)
    stage.read(f"{flavor} create --name cmd-g --flavorprofile cmd-hp --disable", enabled=False)
    stage.refused(f"{flavor} create --name cmd-f --flavorprofile cmd-hp", "HTTP 409")
    stage.refused(f"{flavor} create --name cmd-no --flavorprofile cmd-none", "Unable to locate cmd-none")
    for option, names in (
        ("", ["cmd-f", "cmd-g"]),
        ("--name cmd-g", ["cmd-g"]),
        ("--flavorprofile cmd-fp", ["cmd-f"]),
        ("--enable", ["cmd-f"]),
        ("--disable", ["cmd-g"]),
    ):
        stage.lists(f"{flavor} list {option}", names)
    stage.say(f"{flavor} set --name cmd-h --description second --enable cmd-g")
    stage.read(f"{flavor} show cmd-h", description="second", enabled=True)
    stage.say(f"{flavor} unset --description cmd-h", f"{flavor} set --disable cmd-h")
    stage.read(f"{flavor} show cmd-h", description="", enabled=False)
    create = "loadbalancer create --vip-subnet-id sub --wait"
    stage.refused(f"{create} --flavor cmd-h", "HTTP 400")
    stage.read(f"{create} --name cmd-lb --flavor cmd-f", flavor_id=first["id"], provider="amphora")
    stage.lists("loadbalancer list --flavor cmd-f", ["cmd-lb"])
    stage.lists("loadbalancer list --flavor cmd-h", [])
    stage.refused(f"{flavor} delete cmd-f", "HTTP 409")
    stage.refused(f"{profile} delete cmd-fp", "HTTP 409")
    stage.say("loadbalancer delete --wait cmd-lb", f"{flavor} delete cmd-f", f"{flavor} delete cmd-h")
    stage.say(f"{profile} delete cmd-fp", f"{profile} delete cmd-hp")
    stage.lists(f"{flavor} list", [])
    stage.lists(f"{profile} list", [])


def zones(stage: Stage) -> None:
    """Leaves none."""
    profile = "loadbalancer availabilityzoneprofile"
    data = '{"compute_zone": "nova"}'
    line = f"{profile} create --name cmd-zp --provider evenload --availability-zone-data '{data}'"
    made = stage.read(line, availability_zone_data=data)
    line = f"{profile} create --name cmd-yp --provider octavia --availability-zone-data"
    stage.read(f'{line} \'{{"volume_zone": "a"}}\'', provider_name="octavia")
    stage.refused(f"{line} '{{\"colour\": 1}}'", "colour")
    stage.lists(f"{profile} list --name cmd-yp", ["cmd-yp"])
    stage.lists(f"{profile} list --provider evenload", ["cmd-zp"])
    other = '{"compute_zone": "b"}'
    stage.say(f"{profile} set --name cmd-xp --provider evenload --availability-zone-data '{other}' cmd-yp")
    stage.read(f"{profile} show cmd-xp", provider_name="evenload", availability_zone_data=other)

    zone = "loadbalancer availabilityzone"
    line = f"{zone} create --name cmd-z --availabilityzoneprofile cmd-zp --description first --enable"
    stage.read(line, availability_zone_profile_id=made["id"], description="first", enabled=True)
    stage.read(f"{zone} create --name cmd-y --availabilityzoneprofile cmd-xp --disable", enabled=False)
    stage.refused(f"{zone} create --name cmd-z --availabilityzoneprofile cmd-xp", "HTTP 409")
    for option, names in (
        ("", ["cmd-z", "cmd-y"]),
        ("--name cmd-y", ["cmd-y"]),
        ("--availabilityzoneprofile cmd-zp", ["cmd-z"]),
        ("--enable", ["cmd-z"]),
        ("--disable", ["cmd-y"]),
    ):
        stage.lists(f"{zone} list {option}", names)
    stage.say(f"{zone} set --description second --enable cmd-y")
    stage.read(f"{zone} show cmd-y", description="second", enabled=True)
    stage.say(f"{zone} unset --description cmd-y", f"{zone} set --disable cmd-y")
    stage.read(f"{zone} show cmd-y", description="", enabled=False)
    create = "loadbalancer create --vip-subnet-id sub --wait"
    stage.refused(f"{create} --availability-zone cmd-y", "HTTP 400")
    stage.read(f"{create} --name cmd-lb --availability-zone cmd-z", availability_zone="cmd-z")
    stage.lists("loadbalancer list --availability-zone cmd-z", ["cmd-lb"])
    stage.refused(f"{zone} delete cmd-z", "HTTP 409")
    stage.say("loadbalancer delete --wait cmd-lb", f"{zone} delete cmd-z", f"{zone} delete cmd-y")
    stage.say(f"{profile} delete cmd-zp", f"{profile} delete cmd-xp")
    stage.lists(f"{zone} list", [])
    stage.lists(f"{profile} list", [])


def providers(stage: Stage) -> None:
    stage.lists("loadbalancer provider list", ["evenload", "octavia", "amphora"])
    line = "loadbalancer provider capability list"
    kinds = {each["type"] for each in stage.shell.read(f"{line} evenload")}
    assert kinds == {"flavor", "availability_zone"}
    stage.lists(f"{line} evenload --flavor", ["loadbalancer_topology", "threads", "connection_limit", "log"])
    stage.lists(f"{line} evenload --availability-zone", ["compute_zone", "valid_vip_networks"])
    stage.refused(f"{line} vendor", "vendor")


def quotas(stage: Stage) -> None:
    """Leaves the project without any."""
    stage.read("loadbalancer quota defaults show", **_NO_LIMITS)
    limits = {name: number for number, name in enumerate(_NO_LIMITS, 10)}
    options = " ".join(f"--{name.replace('_', '')} {number}" for name, number in limits.items())
    stage.read(f"loadbalancer quota set {options} {stage.project}", **limits)
    stage.read(f"loadbalancer quota show {stage.project}", **limits)
    stage.lists("loadbalancer quota list", [stage.project_id], "project_id")
    stage.lists(f"loadbalancer quota list --project {stage.project}", [stage.project_id], "project_id")
    stage.lists(f"loadbalancer quota list --project {stage.other}", [], "project_id")
    stage.say(f"loadbalancer quota unset --pool --l7rule {stage.project}")
    stage.read(f"loadbalancer quota show {stage.project}", **{**limits, "pool": -1, "l7rule": -1})
    stage.read(f"loadbalancer quota set --loadbalancer 0 {stage.project}", load_balancer=0)
    refusal = "Quota has been met for resources: Load Balancer (HTTP 403)"
    stage.refused("loadbalancer create --vip-subnet-id sub", refusal)
    options = " ".join(f"--{name.replace('_', '')}" for name in _NO_LIMITS)
    stage.say(f"loadbalancer quota unset {options} {stage.project}")
    stage.read(f"loadbalancer quota show {stage.project}", **_NO_LIMITS)
    stage.read(f"loadbalancer quota set --member 3 {stage.project}", member=3)
    stage.say(f"loadbalancer quota reset {stage.project}")
    stage.read(f"loadbalancer quota show {stage.project}", **_NO_LIMITS)
    stage.refused("loadbalancer quota set", "required")
    stage.refused(f"loadbalancer quota set {stage.project}", "Missing required argument")
