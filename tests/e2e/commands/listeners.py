"""``openstack loadbalancer listener …``."""

from typing import Any

from tests.e2e.commands.stage import Stage

from evenload.service.tls_policy import CIPHERS

_TLS = (
    ("--default-tls-container-ref http://store/1", "default_tls_container_ref"),
    ("--sni-container-refs http://store/1 http://store/2", "sni_container_refs"),
    ("--client-ca-tls-container-ref http://store/1", "client_ca_tls_container_ref"),
    ("--client-authentication MANDATORY", "client_authentication"),
    ("--client-crl-container-ref http://store/1", "client_crl_container_ref"),
    ("--tls-ciphers ECDHE-RSA-AES128-GCM-SHA256", "tls_ciphers"),
    ("--tls-version TLSv1.2 --tls-version TLSv1.3", "tls_versions"),
    ("--alpn-protocol h2", "alpn_protocols"),
    ("--hsts-max-age 60", "hsts_max_age"),
    ("--hsts-max-age 60 --hsts-include-subdomains", "hsts_"),
    ("--hsts-max-age 60 --hsts-preload", "hsts_"),
)
"""Options of a listener that terminates TLS, and by which name another protocol's is refused with it."""
_DEFAULTS = {
    "name": "",
    "description": "",
    "connection_limit": -1,
    "default_pool_id": None,
    "default_tls_container_ref": None,
    "sni_container_refs": [],
    "insert_headers": {},
    "timeout_client_data": 50000,
    "timeout_member_connect": 5000,
    "timeout_member_data": 50000,
    "timeout_tcp_inspect": 0,
    "client_ca_tls_container_ref": None,
    "client_authentication": "NONE",
    "client_crl_container_ref": None,
    "allowed_cidrs": None,
    "tls_ciphers": None,
    "tls_versions": [],
    "alpn_protocols": [],
    "hsts_max_age": None,
    "hsts_include_subdomains": False,
    "hsts_preload": False,
    "tags": [],
}
_TLS_DEFAULTS: dict[str, Any] = {
    "tls_ciphers": CIPHERS,
    "tls_versions": ["TLSv1.2", "TLSv1.3"],
    "alpn_protocols": ["h2", "http/1.1", "http/1.0"],
}


def listeners(stage: Stage) -> None:
    """On the load balancer cmd-lb, whose pool is cmd-pool. Leaves none."""
    _terminated(stage)
    first = _created(stage)
    _changed(stage, first)
    _listed(stage)
    for name in ("cmd-a", "cmd-b"):
        stage.say(f"loadbalancer listener delete --wait {name}")
    stage.say(f"loadbalancer listener delete --wait {first}")
    stage.lists("loadbalancer listener list", [])
    stage.refused("loadbalancer listener show cmd-a", "Unable to locate cmd-a in listeners")


def _terminated(stage: Stage) -> None:
    """Leaves none."""
    stored = stage.stored
    create = "loadbalancer listener create --name cmd-t --protocol TERMINATED_HTTPS --protocol-port 443 --wait cmd-lb"
    for reference in ("http://store/1", stored.authorities):
        stage.refused(f"{create} --default-tls-container-ref {reference}", "(HTTP 400)", "default_tls_container_ref")
    asked = {
        "default_tls_container_ref": stored.certificate,
        "sni_container_refs": [stored.another, stored.certificate],
        "client_ca_tls_container_ref": stored.authorities,
        "client_authentication": "OPTIONAL",
        "client_crl_container_ref": stored.revocations,
        "tls_ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "tls_versions": ["TLSv1.2"],
        "alpn_protocols": ["http/1.1"],
        "hsts_max_age": 60,
        "hsts_include_subdomains": True,
        "hsts_preload": True,
    }
    options = (
        f"--default-tls-container-ref {stored.certificate} --sni-container-refs {stored.another} {stored.certificate}"
        f" --client-ca-tls-container-ref {stored.authorities} --client-authentication OPTIONAL"
        f" --client-crl-container-ref {stored.revocations} --tls-ciphers ECDHE-ECDSA-AES128-GCM-SHA256"
        " --tls-version TLSv1.2 --alpn-protocol http/1.1"
        " --hsts-max-age 60 --hsts-include-subdomains --hsts-preload"
    )
    stage.read(f"{create} {options}", **asked, provisioning_status="ACTIVE")
    unset = (
        "sni_container_refs", "client_crl_container_ref", "client_authentication", "client_ca_tls_container_ref",
        "tls_ciphers", "tls_versions", "alpn_protocols", "hsts_max_age", "hsts_include_subdomains", "hsts_preload",
    )  # fmt: skip
    words = " ".join("--" + each.replace("_", "-") for each in unset)
    stage.say(f"loadbalancer listener unset --wait {words} cmd-t")
    stage.read(
        "loadbalancer listener show cmd-t",
        **{**{name: _DEFAULTS[name] for name in unset if name in _DEFAULTS}, **_TLS_DEFAULTS},
        default_tls_container_ref=stored.certificate,
    )
    stage.say(f"loadbalancer listener set --wait {options} cmd-t")
    stage.read("loadbalancer listener show cmd-t", **asked)
    stage.say("loadbalancer listener unset --wait --hsts-max-age cmd-t")
    stage.read("loadbalancer listener show cmd-t", **{**asked, "hsts_max_age": None})
    stage.refused("loadbalancer listener unset --default-tls-container-ref --sni-container-refs cmd-t", "certificate")
    stage.say("loadbalancer listener delete --wait cmd-t")


def _created(stage: Stage) -> str:
    pool = stage.read("loadbalancer pool show cmd-pool")
    made = stage.read(
        "loadbalancer listener create --name cmd-l --description first --protocol HTTP --protocol-port 80 --wait"
        " --connection-limit 2000 --default-pool cmd-pool --insert-headers X-Forwarded-For=true,X-Forwarded-Port=true"
        " --timeout-client-data 1000 --timeout-member-connect 2000 --timeout-member-data 3000 --timeout-tcp-inspect 0"
        " --allowed-cidr 10.88.0.0/24 --allowed-cidr 192.0.2.0/24 --enable --tag red cmd-lb",
        description="first",
        protocol="HTTP",
        protocol_port=80,
        connection_limit=2000,
        default_pool_id=pool["id"],
        insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Port": "true"},
        timeout_client_data=1000,
        timeout_member_connect=2000,
        timeout_member_data=3000,
        timeout_tcp_inspect=0,
        allowed_cidrs=["10.88.0.0/24", "192.0.2.0/24"],
        admin_state_up=True,
        tags=["red"],
        provisioning_status="ACTIVE",
    )
    create = "loadbalancer listener create --protocol HTTP --protocol-port 81 cmd-lb"
    for option, name in _TLS:
        stage.refused(f"{create} {option}", "(HTTP 400)", name)
    for protocol in ("UDP", "SCTP"):
        line = f"loadbalancer listener create --protocol {protocol} --protocol-port 82 cmd-lb"
        stage.refused(line, "(HTTP 501)", f"protocol '{protocol}'")
    stage.refused(f"{create} --timeout-tcp-inspect -1", "timeout_tcp_inspect")
    stage.refused("loadbalancer listener create --protocol TCP --protocol-port 80 cmd-lb", "already using", "HTTP 409")
    stage.refused(f"{create}-none", "Unable to locate cmd-lb-none in loadbalancers")
    return str(made["id"])


def _changed(stage: Stage, key: str) -> None:
    stage.say(
        "loadbalancer listener set --name cmd-m --description second --connection-limit 9 --insert-headers"
        " X-Forwarded-Proto=true --timeout-client-data 4000 --timeout-member-connect 5000 --timeout-member-data 6000"
        " --timeout-tcp-inspect 7 --allowed-cidr 10.88.0.0/16 --disable --tag blue --wait cmd-l"
    )
    stage.read(
        f"loadbalancer listener show {key}",
        name="cmd-m",
        description="second",
        connection_limit=9,
        insert_headers={"X-Forwarded-Proto": "true"},
        timeout_client_data=4000,
        timeout_member_connect=5000,
        timeout_member_data=6000,
        timeout_tcp_inspect=7,
        allowed_cidrs=["10.88.0.0/16"],
        admin_state_up=False,
        tags=["red", "blue"],
        provisioning_status="ACTIVE",
    )
    stage.say("loadbalancer listener set --enable --no-tag --tag green cmd-m")
    stage.read("loadbalancer listener show cmd-m", tags=["green"], admin_state_up=True)
    for option, name in _TLS:
        stage.refused(f"loadbalancer listener set cmd-m {option}", "(HTTP 400)", name)
    stage.say("loadbalancer listener unset --tag green cmd-m")
    stage.read("loadbalancer listener show cmd-m", tags=[])
    options = [name.replace("_", "-") for name in _DEFAULTS if name not in ("tags", "default_pool_id")]
    unset = " ".join(f"--{option}" for option in options)
    stage.say(f"loadbalancer listener unset {unset} --default-pool --all-tag --wait cmd-m")
    stage.read(f"loadbalancer listener show {key}", **_DEFAULTS)
    stage.say(f"loadbalancer listener set --default-pool cmd-pool --name cmd-l {key}")
    pool = stage.read("loadbalancer pool show cmd-pool")
    stage.read("loadbalancer listener show cmd-l", default_pool_id=pool["id"])


def _listed(stage: Stage) -> None:
    stage.say("loadbalancer listener set --tag red cmd-l")
    create = "loadbalancer listener create --protocol TCP"
    stage.read(f"{create} --name cmd-a --protocol-port 90 --disable --tag red --tag blue cmd-lb", admin_state_up=False)
    stage.read(f"{create} --name cmd-b --protocol-port 91 --no-tag --wait cmd-other", admin_state_up=True)
    for option, names in (
        ("", ["cmd-l", "cmd-a", "cmd-b"]),
        ("--name cmd-l", ["cmd-l"]),
        ("--loadbalancer cmd-lb", ["cmd-l", "cmd-a"]),
        ("--enable", ["cmd-l", "cmd-b"]),
        ("--disable", ["cmd-a"]),
        (f"--project {stage.project}", ["cmd-l", "cmd-a", "cmd-b"]),
        (f"--project {stage.other}", []),
    ):
        stage.lists(f"loadbalancer listener list {option}", names)
    stage.lists_by_tags("loadbalancer listener list", "cmd-l", "cmd-a", "cmd-b")
    stage.read("loadbalancer listener stats show cmd-l", active_connections=0, request_errors=0, total_connections=0)
