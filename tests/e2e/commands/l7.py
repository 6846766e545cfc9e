"""``openstack loadbalancer l7policy …`` and ``l7rule …``."""

from tests.e2e.commands.stage import Stage


def l7(stage: Stage) -> None:
    """On the listeners cmd-l and cmd-o; the pool cmd-p is there. Leaves none."""
    pool = stage.read("loadbalancer pool show cmd-p")
    create = "loadbalancer l7policy create"
    made = stage.read(
        f"{create} --name cmd-y --description first --action REDIRECT_TO_URL --redirect-url http://example.com/"
        " --redirect-http-code 301 --position 1 --enable --tag red --wait cmd-l",
        description="first",
        action="REDIRECT_TO_URL",
        redirect_url="http://example.com/",
        redirect_http_code=301,
        position=1,
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
    )
    stage.read(
        f"{create} --name cmd-a --action REDIRECT_TO_POOL --redirect-pool cmd-p --disable --tag red --tag blue cmd-l",
        redirect_pool_id=pool["id"], redirect_http_code=None, position=2, admin_state_up=False,
    )  # fmt: skip
    stage.read(
        f"{create} --name cmd-b --action REDIRECT_PREFIX --redirect-prefix http://example.com --no-tag --wait cmd-o",
        redirect_prefix="http://example.com", redirect_http_code=302, position=1, tags=[],
    )  # fmt: skip
    stage.refused(f"{create} --action REDIRECT_TO_URL cmd-l", "Missing argument")
    stage.refused(f"{create} --action REJECT cmd-none", "Unable to locate cmd-none in listeners")
    stage.refused(f"{create} --action REDIRECT_TO_POOL --redirect-pool cmd-none cmd-l", "Unable to locate cmd-none")
    stage.lists("loadbalancer l7policy list", ["cmd-y", "cmd-a", "cmd-b"])
    stage.lists("loadbalancer l7policy list --listener cmd-l", ["cmd-y", "cmd-a"])
    stage.lists_by_tags("loadbalancer l7policy list", "cmd-y", "cmd-a", "cmd-b")
    _changed(stage, made["id"])
    _rules(stage)
    stage.refused("loadbalancer pool delete cmd-p", "HTTP 409")
    stage.say("loadbalancer l7policy delete --wait cmd-y", "loadbalancer l7policy delete --wait cmd-a")
    stage.say("loadbalancer l7policy delete --wait cmd-b")
    stage.lists("loadbalancer l7policy list", [])


def _changed(stage: Stage, key: str) -> None:
    stage.say(
        "loadbalancer l7policy set --name cmd-z --description second --redirect-url http://example.org/"
        " --redirect-http-code 307 --position 2 --disable --tag blue --wait cmd-y"
    )
    stage.read(
        "loadbalancer l7policy show cmd-z",
        description="second",
        redirect_url="http://example.org/",
        redirect_http_code=307,
        position=2,
        admin_state_up=False,
        tags=["red", "blue"],
    )
    stage.read("loadbalancer l7policy show cmd-a", position=1)
    stage.say("loadbalancer l7policy unset --description --redirect-http-code --name --tag blue --wait cmd-z")
    stage.read(f"loadbalancer l7policy show {key}", name="", description="", redirect_http_code=302, tags=["red"])
    stage.say(
        f"loadbalancer l7policy unset --all-tag {key}",
        f"loadbalancer l7policy set --name cmd-y --action REDIRECT_PREFIX --redirect-prefix https://a.example {key}",
    )
    stage.read(f"loadbalancer l7policy show {key}", tags=[], redirect_prefix="https://a.example", redirect_url=None)
    stage.say("loadbalancer l7policy set --action REDIRECT_TO_POOL --redirect-pool cmd-p cmd-y")
    pool = stage.read("loadbalancer pool show cmd-p")
    line = "loadbalancer l7policy show cmd-y"
    stage.read(line, redirect_pool_id=pool["id"], redirect_prefix=None, redirect_http_code=None)
    stage.say("loadbalancer l7policy set --enable --no-tag --tag green --action REJECT cmd-y")
    stage.read(line, action="REJECT", redirect_pool_id=None, admin_state_up=True, tags=["green"])


def _rules(stage: Stage) -> None:
    """Of the policy cmd-y. Rules have no names."""
    create = "loadbalancer l7rule create"
    first = stage.read(
        f"{create} --type HEADER --key X-Colour --compare-type EQUAL_TO --value red --invert --enable --tag red --wait"
        " cmd-y",
        type="HEADER",
        key="X-Colour",
        compare_type="EQUAL_TO",
        value="red",
        invert=True,
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
    )["id"]
    line = f"{create} --type PATH --compare-type STARTS_WITH --value /a --disable --tag red --tag blue cmd-y"
    second = stage.read(line, invert=False, admin_state_up=False, key=None)["id"]
    third = stage.read(f"{create} --type HOST_NAME --compare-type REGEX --value ^a\\\\. --no-tag cmd-y")["id"]
    stage.refused(f"{create} --type HEADER --compare-type EQUAL_TO --value red cmd-y", "key")
    stage.refused(f"{create} --type PATH --compare-type REGEX --value ( cmd-y", "HTTP 400")
    stage.lists("loadbalancer l7rule list cmd-y", [first, second, third], "id")
    stage.lists_by_tags("loadbalancer l7rule list cmd-y", first, second, third, "id")
    stage.read("loadbalancer l7policy show cmd-y", rules=[{"id": first}, {"id": second}, {"id": third}])
    stage.say(
        "loadbalancer l7rule set --type COOKIE --key colour --compare-type CONTAINS --value blue --disable --tag blue"
        f" --wait cmd-y {first}",
        f"loadbalancer l7rule set --invert --enable cmd-y {second}",
    )
    stage.read(
        f"loadbalancer l7rule show cmd-y {first}",
        type="COOKIE", key="colour", compare_type="CONTAINS", value="blue", admin_state_up=False, tags=["blue", "red"],
    )  # fmt: skip
    stage.read(f"loadbalancer l7rule show cmd-y {second}", invert=True, admin_state_up=True)
    stage.say(f"loadbalancer l7rule unset --invert --tag red --wait cmd-y {second}")
    stage.read(f"loadbalancer l7rule show cmd-y {second}", invert=False, tags=["blue"])
    stage.say(f"loadbalancer l7rule unset --all-tag cmd-y {second}")
    stage.refused(f"loadbalancer l7rule unset --key cmd-y {first}", "key")
    stage.say(f"loadbalancer l7rule set --no-tag --tag green --type PATH cmd-y {second}")
    stage.read(f"loadbalancer l7rule show cmd-y {second}", tags=["green"], type="PATH")
    stage.say(f"loadbalancer l7rule delete --wait cmd-y {first}", f"loadbalancer l7rule delete --wait cmd-y {second}")
    stage.say(f"loadbalancer l7rule delete --wait cmd-y {third}")
    stage.lists("loadbalancer l7rule list cmd-y", [], "id")
