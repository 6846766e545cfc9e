"""``openstack loadbalancer pool …``, ``member …`` and ``healthmonitor …``."""

from tests.e2e.commands.stage import Stage

from evenload.service.tls_policy import CIPHERS

_UNSTORED = (
    ("--tls-container-ref http://store/1", "tls_container_ref"),
    ("--ca-tls-container-ref http://store/1", "ca_tls_container_ref"),
    ("--crl-container-ref http://store/1", "crl_container_ref"),
)
"""Options that name what is not stored, and by which name they are refused."""
_NO_MONITOR: dict[str, object] = {"domain_name": None, "http_version": None, "name": "", "tags": []}


def pools(stage: Stage) -> None:
    """On the load balancers cmd-lb, which has a listener cmd-l without a pool, and cmd-other. Leaves none."""
    create = "loadbalancer pool create --protocol HTTP --lb-algorithm ROUND_ROBIN"
    pool = stage.read(
        f"{create} --name cmd-p --description first --listener cmd-l --session-persistence"
        " type=APP_COOKIE,cookie_name=session --disable-tls --enable --tag red --wait",
        description="first",
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        tls_enabled=False,
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
    )
    persistence = pool["session_persistence"]
    assert (persistence["type"], persistence["cookie_name"]) == ("APP_COOKIE", "session")
    stage.read("loadbalancer listener show cmd-l", default_pool_id=pool["id"])
    for option, name in _UNSTORED:
        stage.refused(f"{create} --loadbalancer cmd-lb {option}", "(HTTP 400)", name)
        stage.refused(f"loadbalancer pool set {option} cmd-p", "(HTTP 400)", name)
    _in_tls(stage, f"{create} --name cmd-t --loadbalancer cmd-lb --wait")
    for protocol in ("UDP", "SCTP"):
        line = f"loadbalancer pool create --protocol {protocol} --lb-algorithm ROUND_ROBIN --loadbalancer cmd-lb"
        stage.refused(line, "(HTTP 501)", f"protocol '{protocol}'")
    line = "loadbalancer pool create --protocol HTTP --lb-algorithm SOURCE_IP_PORT --loadbalancer cmd-lb"
    stage.refused(line, "(HTTP 501)", "lb_algorithm 'SOURCE_IP_PORT'")
    stage.say(
        "loadbalancer pool set --name cmd-q --description second --session-persistence type=SOURCE_IP --disable-tls"
        " --lb-algorithm LEAST_CONNECTIONS --disable --tag blue --wait cmd-p"
    )
    shown = stage.read(
        f"loadbalancer pool show {pool['id']}",
        name="cmd-q",
        description="second",
        lb_algorithm="LEAST_CONNECTIONS",
        admin_state_up=False,
        tags=["blue", "red"],
    )
    assert shown["session_persistence"]["type"] == "SOURCE_IP"
    stage.say(
        "loadbalancer pool unset --tag red cmd-q",
        "loadbalancer pool set --enable cmd-q",
        "loadbalancer pool unset --name --description --ca-tls-container-ref --crl-container-ref --session-persistence"
        f" --tls-container-ref --tls-versions --tls-ciphers --alpn-protocols --wait {pool['id']}",
    )
    stage.read(
        f"loadbalancer pool show {pool['id']}",
        name="", description="", session_persistence=None, tls_versions=[], tls_ciphers=None, tags=["blue"],
        admin_state_up=True,
    )  # fmt: skip
    stage.say(f"loadbalancer pool unset --all-tag {pool['id']}")
    stage.read(f"loadbalancer pool show {pool['id']}", tags=[])
    stage.say(f"loadbalancer pool set --no-tag --tag red --name cmd-p {pool['id']}")
    stage.read(f"{create} --name cmd-a --loadbalancer cmd-lb --disable --tag red --tag blue", admin_state_up=False)
    stage.read(f"{create} --name cmd-b --loadbalancer cmd-other --no-tag", tags=[])
    stage.lists("loadbalancer pool list", ["cmd-p", "cmd-a", "cmd-b"])
    stage.lists("loadbalancer pool list --loadbalancer cmd-lb", ["cmd-p", "cmd-a"])
    stage.lists_by_tags("loadbalancer pool list", "cmd-p", "cmd-a", "cmd-b")
    members(stage)
    health_monitors(stage)
    stage.say("loadbalancer pool delete --wait cmd-p", "loadbalancer pool delete --wait cmd-a")
    stage.say("loadbalancer pool delete --wait cmd-b")
    stage.lists("loadbalancer pool list", [])


def _in_tls(stage: Stage, create: str) -> None:
    """Leaves none."""
    stored = stage.stored
    asked = {
        "tls_enabled": True,
        "tls_container_ref": stored.certificate,
        "ca_tls_container_ref": stored.authorities,
        "crl_container_ref": stored.revocations,
        "tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "tls_versions": ["TLSv1.2"],
        "alpn_protocols": ["http/1.1"],
    }
    options = (
        f"--enable-tls --tls-container-ref {stored.certificate} --ca-tls-container-ref {stored.authorities}"
        f" --crl-container-ref {stored.revocations} --tls-ciphers ECDHE-ECDSA-AES128-GCM-SHA256"
        " --tls-version TLSv1.2 --alpn-protocol http/1.1"
    )
    stage.read(f"{create} {options}", **asked, provisioning_status="ACTIVE")
    stage.say(
        "loadbalancer pool unset --tls-container-ref --ca-tls-container-ref --crl-container-ref --tls-versions"
        " --tls-ciphers --alpn-protocols --wait cmd-t"
    )
    stage.read(
        "loadbalancer pool show cmd-t",
        tls_enabled=True, tls_container_ref=None, ca_tls_container_ref=None, crl_container_ref=None,
        tls_ciphers=CIPHERS, tls_versions=["TLSv1.2", "TLSv1.3"], alpn_protocols=["h2", "http/1.1", "http/1.0"],
    )  # fmt: skip
    stage.say(f"loadbalancer pool set {options} --wait cmd-t")
    stage.read("loadbalancer pool show cmd-t", **asked)
    stage.say("loadbalancer pool set --disable-tls --wait cmd-t")
    stage.read("loadbalancer pool show cmd-t", **{**asked, "tls_enabled": False})
    stage.say("loadbalancer pool delete --wait cmd-t")


def members(stage: Stage) -> None:
    """Of the pool cmd-p. Leaves none."""
    create = "loadbalancer member create --protocol-port 8080"
    made = stage.read(
        f"{create} --name cmd-m --address 10.88.0.11 --weight 5 --subnet-id sub --monitor-port 81 --monitor-address"
        " 10.88.0.12 --enable-backup --enable --tag red --wait cmd-p",
        name="cmd-m",
        address="10.88.0.11",
        protocol_port=8080,
        weight=5,
        monitor_port=81,
        monitor_address="10.88.0.12",
        backup=True,
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
        operating_status="NO_MONITOR",
    )
    assert made["subnet_id"] == stage.read("subnet show sub")["id"]
    stage.refused(f"{create} --address 10.88.0.12 --request-sriov cmd-p", "(HTTP 400)", "request_sriov")
    stage.refused(f"{create} --address 10.88.0.12 --subnet-id cmd-none cmd-p", "Unable to locate cmd-none in subnets")
    stage.refused(f"{create} --address 10.88.0.11 cmd-p", "HTTP 409")
    stage.refused(f"{create} --address 10.88.0.11 cmd-none", "Unable to locate cmd-none in pools")
    stage.say(
        "loadbalancer member set --name cmd-n --disable-backup --weight 7 --monitor-port 82 --monitor-address"
        " 10.88.0.13 --disable --tag blue --wait cmd-p cmd-m"
    )
    stage.read(
        "loadbalancer member show cmd-p cmd-n",
        backup=False,
        weight=7,
        monitor_port=82,
        monitor_address="10.88.0.13",
        admin_state_up=False,
        tags=["red", "blue"],
        provisioning_status="ACTIVE",
        operating_status="OFFLINE",
    )
    key = made["id"]
    stage.say(
        "loadbalancer member set --enable --enable-backup cmd-p cmd-n",
        "loadbalancer member unset --tag blue cmd-p cmd-n",
        "loadbalancer member unset --backup --monitor-address --monitor-port --name --weight --wait cmd-p cmd-n",
    )
    stage.read(
        f"loadbalancer member show cmd-p {key}",
        name="", backup=False, weight=1, monitor_port=None, monitor_address=None, admin_state_up=True, tags=["red"],
    )  # fmt: skip
    stage.say(f"loadbalancer member unset --all-tag cmd-p {key}")
    stage.read(f"loadbalancer member show cmd-p {key}", tags=[])
    stage.say(f"loadbalancer member set --no-tag --tag red --name cmd-m cmd-p {key}")
    line = f"{create} --name cmd-a --address 10.88.0.12 --disable --disable-backup --tag red --tag blue cmd-p"
    stage.read(line, admin_state_up=False, backup=False)
    stage.read(f"{create} --name cmd-b --address 10.88.0.13 --no-tag cmd-p", tags=[])
    stage.lists("loadbalancer member list cmd-p", ["cmd-m", "cmd-a", "cmd-b"])
    stage.lists_by_tags("loadbalancer member list cmd-p", "cmd-m", "cmd-a", "cmd-b")
    tree = stage.shell.say("loadbalancer status show cmd-lb")
    assert key in tree
    stage.say("loadbalancer member delete --wait cmd-p cmd-m", "loadbalancer member delete --wait cmd-p cmd-a")
    stage.say("loadbalancer member delete --wait cmd-p cmd-b")
    stage.lists("loadbalancer member list cmd-p", [])
    stage.refused("loadbalancer member show cmd-p cmd-a", "Unable to locate")


def health_monitors(stage: Stage) -> None:
    """Of the pools cmd-p, cmd-a and cmd-b. Leaves none."""
    create = "loadbalancer healthmonitor create --delay 5 --timeout 3 --max-retries 2"
    made = stage.read(
        f"{create} --name cmd-h --type HTTP --http-method HEAD --url-path /ok --expected-codes 200-204 --http-version"
        " 1.1 --domain-name www.example.com --max-retries-down 4 --enable --tag red --wait cmd-p",
        name="cmd-h",
        type="HTTP",
        delay=5,
        timeout=3,
        max_retries=2,
        max_retries_down=4,
        http_method="HEAD",
        url_path="/ok",
        expected_codes="200-204",
        http_version=1.1,
        domain_name="www.example.com",
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
    )
    stage.read("loadbalancer pool show cmd-p", healthmonitor_id=made["id"])
    stage.refused(f"{create} --type TCP cmd-p", "HTTP 409")
    for kind in ("UDP-CONNECT", "SCTP"):
        stage.refused(f"{create} --type {kind} cmd-a", kind)
    stage.say(
        "loadbalancer healthmonitor set --name cmd-i --delay 6 --timeout 4 --max-retries 3 --max-retries-down 5"
        " --http-method GET --url-path /up --expected-codes 200 --http-version 1.1 --domain-name example.org --disable"
        " --tag blue --wait cmd-h"
    )
    stage.read(
        "loadbalancer healthmonitor show cmd-i",
        delay=6,
        timeout=4,
        max_retries=3,
        max_retries_down=5,
        http_method="GET",
        url_path="/up",
        expected_codes="200",
        http_version=1.1,
        domain_name="example.org",
        admin_state_up=False,
        tags=["blue", "red"],
        provisioning_status="ACTIVE",
    )
    key = made["id"]
    stage.say(
        "loadbalancer healthmonitor set --enable cmd-i",
        "loadbalancer healthmonitor unset --tag red --tag blue cmd-i",
        "loadbalancer healthmonitor unset --domain-name --expected-codes --http-method --http-version"
        " --max-retries-down --name --url-path --wait cmd-i",
    )
    stage.read(
        f"loadbalancer healthmonitor show {key}",
        **_NO_MONITOR, expected_codes="200", http_method="GET", url_path="/", max_retries_down=3, admin_state_up=True,
    )  # fmt: skip
    stage.say(f"loadbalancer healthmonitor set --tag green --name cmd-h {key}")
    stage.say("loadbalancer healthmonitor unset --all-tag cmd-h")
    stage.read(f"loadbalancer healthmonitor show {key}", tags=[])
    stage.say("loadbalancer healthmonitor set --no-tag --tag red cmd-h")
    line = f"{create} --name cmd-i --type PING --disable --tag red --tag blue cmd-a"
    stage.read(line, admin_state_up=False, url_path=None, type="PING")
    stage.read(f"{create} --name cmd-j --type TLS-HELLO --no-tag cmd-b", tags=[], type="TLS-HELLO")
    stage.lists("loadbalancer healthmonitor list", ["cmd-h", "cmd-i", "cmd-j"])
    stage.lists_by_tags("loadbalancer healthmonitor list", "cmd-h", "cmd-i", "cmd-j")
    stage.say("loadbalancer healthmonitor delete --wait cmd-h", "loadbalancer healthmonitor delete --wait cmd-i")
    stage.say("loadbalancer healthmonitor delete --wait cmd-j")
    stage.lists("loadbalancer healthmonitor list", [])
