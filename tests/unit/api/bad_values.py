"""Values that no attribute of Octavia's API may take, by resource and attribute: tables for the tests beside.

Those of LBaaS v1: v1_bad_values.py."""

from typing import Any

CONTROLS = ["a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "a\u2029b", "\n", "a\n", "\ud800"]
NO_TEXT = [*CONTROLS, "a" * 256, 5, 1.5, True, [], {}, ["a"]]
NO_DESCRIPTION = [text for text in NO_TEXT if not (isinstance(text, str) and {*text} & {*"\n\r"})]
"""It may have lines."""
NO_NUMBER = ["x", "", "1.0", 1.0, 1.5, True, False, [], {}, 10**30, -(10**30), "1\n"]
NO_BOOLEAN = ["perhaps", 2, 1.0, "", [], {}, "true\n"]
NO_UUID = [
    "x",
    "",
    5,
    [],
    {},
    "11111111-2222-4333-8444-55555555555",
    "11111111222243338444555555555555",
    "../../x",
    *CONTROLS,
]
NO_TAGS = ["a", {}, 5, [5], [None], [["a"]], ["a" * 256], *[[text] for text in CONTROLS]]
NO_ADDRESS = [
    "",
    "x",
    "010.0.0.1",
    "2130706433",
    2130706433,
    "0x7f000001",
    "127.1",
    "10.0.0.1/24",
    "fe80::1%eth0",
    " 10.0.0.1",
    [],
    {},
]
NAMED: list[tuple[str, list[Any]]] = [
    ("name", NO_TEXT),
    ("tags", NO_TAGS),
    ("admin_state_up", NO_BOOLEAN),
    ("project_id", ["a b", "a/b", "x" * 37, 5, ""]),
]
DESCRIBED: list[tuple[str, list[Any]]] = [*NAMED, ("description", NO_DESCRIPTION)]
LOOPBACK_IN_EVERY_SPELLING = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "ff02::1",
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::",
]

LOAD_BALANCER: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("vip_address", [*NO_ADDRESS, "10.1.0.0", "10.1.0.255", "10.2.0.5", "2001:db8::5", "10.1.0.1"]),
    ("vip_subnet_id", NO_UUID),
    ("vip_network_id", NO_UUID),
    ("vip_port_id", NO_UUID),
    ("vip_qos_policy_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("vip_sg_ids", ["x", ["x"], ["11111111-2222-4333-8444-555555555555"], {}]),
    ("additional_vips", ["x", {}, [{}], ["x"], [{"subnet_id": "x"}], [{"subnet_id": None}]]),
    ("provider", ["cheese", "ovn", 5, *CONTROLS]),
    ("flavor_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("availability_zone", ["zone", *CONTROLS]),
    ("listeners", ["x", {}, ["x"], [{}], [None], [{"protocol": "HTTP", "protocol_port": 80, "cheese": 1}]]),
    ("pools", ["x", {}, ["x"], [{}], [None]]),
]
LISTENER: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("loadbalancer_id", [None, *NO_UUID]),
    ("protocol", [None, "http", "CHEESE", "", 5, [], {}, *CONTROLS]),
    ("protocol_port", [None, 0, 65536, -1, *NO_NUMBER]),
    ("connection_limit", [-2, 2**31, *NO_NUMBER]),
    ("default_pool_id", NO_UUID),
    ("timeout_client_data", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_member_connect", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_member_data", [-1, 2_073_600_001, *NO_NUMBER]),
    ("timeout_tcp_inspect", [-1, 2_073_600_001, *NO_NUMBER]),
    (
        "insert_headers",
        [
            "x",
            [],
            {"X-Forwarded-For": True},
            {"X-Forwarded-For": "yes"},
            {"X-Forwarded-For": None},
            {"X-Cheese": "true"},
            {"a) -m found": "true"},
            {"X-Forwarded-For\n": "true"},
        ],
    ),
    (
        "allowed_cidrs",
        [
            "x",
            {},
            ["x"],
            [5],
            ["10.0.0.0/33"],
            ["10.0.0.0/8\n"],
            ["::/0 "],
            [None],
            ["2001:db8::/32"],
            ["10.0.0.0/8"] * 1001,
        ],
    ),
    ("default_tls_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("sni_container_refs", ["x", {}, [None], [""], [5], ["a\nb"], ["http://secrets/1"], ["x"] * 5001]),
    ("tls_versions", ["x", ["a\nb"], ["TLSv9"], [5], [None], ["TLSv1.2"]]),
    ("tls_ciphers", [5, "a b", "A$(x)", "A,B", "A;B", "A" * 2049, *CONTROLS, "ECDHE-RSA-AES128-GCM-SHA256"]),
    ("alpn_protocols", ["h2", ["h3"], ["a\nb"], [5], [None], ["h2"]]),
    ("client_authentication", ["SOMETIMES", 5, "OPTIONAL"]),
    ("client_ca_tls_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("client_crl_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("hsts_max_age", [-1, 2**31, 0, *NO_NUMBER]),
    ("hsts_include_subdomains", [True, *NO_BOOLEAN]),
    ("hsts_preload", [True, *NO_BOOLEAN]),
    ("l7policies", ["x", {}, [{}], [5], [{"action": "REJECT", "rules": [{}]}], [{"action": "CHEESE"}]]),
    ("default_pool", [{}]),
]
POOL: list[tuple[str, list[Any]]] = [
    *DESCRIBED,
    ("loadbalancer_id", NO_UUID),
    ("listener_id", NO_UUID),
    ("protocol", [None, "http", "CHEESE", 5, [], {}]),
    ("lb_algorithm", [None, "round_robin", "CHEESE", 5, [], {}]),
    (
        "session_persistence",
        [
            "x",
            [],
            {"type": "CHEESE"},
            {"type": 5},
            {"type": "HTTP_COOKIE", "cookie_name": "x"},
            {"type": "SOURCE_IP", "cookie_name": "x"},
            {"type": "APP_COOKIE"},
            {"type": "APP_COOKIE", "cookie_name": "a b"},
            {"type": "APP_COOKIE", "cookie_name": "a;b"},
            {"type": "APP_COOKIE", "cookie_name": "$HOME"},
            {"type": "APP_COOKIE", "cookie_name": "a\n"},
            {"type": "APP_COOKIE", "cookie_name": "a" * 256},
            {"type": "SOURCE_IP", "cheese": 1},
            {"cookie_name": "x"},
        ],
    ),
    ("tls_enabled", [None, *NO_BOOLEAN]),
    ("tls_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("ca_tls_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("crl_container_ref", [*NO_TEXT, "http://secrets/1"]),
    ("tls_versions", ["x", ["a\nb"], ["TLSv9"], [5], [None], ["TLSv1.1", "TLSv1.1"]]),
    ("tls_ciphers", [5, "a b", "A$(x)", "A,B", "A;B", "A" * 2049, *CONTROLS]),
    ("alpn_protocols", ["h2", ["h3"], ["a\nb"], [5], [None], ["h2", "h2"]]),
    ("members", ["x", {}, ["x"], [{}], [None], [{"address": "10.9.0.1", "protocol_port": 80, "weight": 257}]]),
    ("healthmonitor", ["x", [], {}, {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 11}]),
]
MEMBER: list[tuple[str, list[Any]]] = [
    *NAMED,
    ("address", [None, *NO_ADDRESS, *LOOPBACK_IN_EVERY_SPELLING]),
    ("protocol_port", [None, 0, 65536, *NO_NUMBER]),
    ("weight", [-1, 257, *NO_NUMBER]),
    ("backup", NO_BOOLEAN),
    ("subnet_id", [*NO_UUID, "11111111-2222-4333-8444-555555555555"]),
    ("monitor_address", [*NO_ADDRESS, *LOOPBACK_IN_EVERY_SPELLING]),
    ("monitor_port", [0, 65536, *NO_NUMBER]),
    ("description", ["members have none"]),
]
HEALTH_MONITOR: list[tuple[str, list[Any]]] = [
    *NAMED,
    ("pool_id", [None, *NO_UUID]),
    ("type", [None, "http", "CHEESE", 5, []]),
    ("delay", [None, 0, -1, 86_401, *NO_NUMBER]),
    ("timeout", [None, 0, -1, 2**31, *NO_NUMBER]),
    ("max_retries", [None, 0, 11, *NO_NUMBER]),
    ("max_retries_down", [0, 11, *NO_NUMBER]),
    ("http_method", ["get", "CHEESE", "GET /", 5, *CONTROLS]),
    (
        "url_path",
        [
            "",
            "x",
            "//evil/",
            "/a b",
            "/a#b",
            "/%[env(PATH)]",
            "/%",
            '/"',
            "/'\\",
            "/a\r\nHost: x",
            "/" + "a" * 255,
            5,
            *CONTROLS,
        ],
    ),
    ("expected_codes", ["", "2xx", "200-", "99", "600", "999", "200,,201", "200-204,301", "204-200", 200, *CONTROLS]),
    ("http_version", [1.2, 2, "x", True, [], "1.1\n"]),
    ("domain_name", ["", "a b", "-a", "a\r\nb", "%[src]", "x" * 254, 5, *CONTROLS]),
]

UNKNOWN: list[tuple[str, list[Any]]] = [
    ("cheese", [1, None]),
    ("id", ["x"]),
    ("provisioning_status", ["ACTIVE"]),
    ("created_at", [None]),
    ("a\nb", [1]),
]


def spoiled(wrapper: str) -> list[tuple[str, list[Any]]]:
    table = {
        "loadbalancer": LOAD_BALANCER,
        "listener": LISTENER,
        "pool": POOL,
        "member": MEMBER,
        "healthmonitor": HEALTH_MONITOR,
    }
    return [*table[wrapper], *UNKNOWN]
