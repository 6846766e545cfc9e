"""Settings: defaults, files, and what is refused by name."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from evenload.host.settings import VifDriver
from evenload.main.settings import SettingsError, read_settings
from evenload.model.tls import AlpnProtocol, TlsVersion
from evenload.service.deployment import Allowed
from evenload.service.networking import Networking
from evenload.service.tls_policy import TlsDefaults


def written(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "evenload.conf"
    file.write_text(text)
    return ["--config-file", str(file)]


def test_defaults_serve_loopback_with_a_bridge_of_their_own() -> None:
    settings = read_settings([])
    assert (settings.serving.host, settings.serving.port) == ("127.0.0.1", 9876)
    assert settings.host.bridge_mappings == {"physnet1": "br-evenload"}
    assert settings.networks.default_physical_network == "physnet1"
    assert settings.host.state_dir == settings.state_path / "load_balancers"
    assert settings.render.state_dir == str(settings.host.state_dir)
    assert settings.render.chroot == str(settings.host.haproxy.chroot)
    assert settings.api.lbaas_v1_providers == ("haproxy", "evenload")
    assert settings.quotas.v1 == {"vip": 10, "pool": 10, "member": -1, "health_monitor": -1}


def test_a_file_changes_them(tmp_path: Path) -> None:
    settings = read_settings(
        written(
            tmp_path,
            "[DEFAULT]\nstate_path = /srv/lb\nhost = edge-1\n"
            "[networks]\nbridge_mappings = lan:br-lan,dmz:br-dmz\nvlan_ranges = dmz:100:199\n"
            "[networking]\nallow_vip_port_id = no\nvalid_vip_networks = 00000000-0000-0000-0000-00000000000A\n"
            "reserved_ips = 192.0.2.0/24,2001:db8::1\n"
            "[agent]\ninterface_driver = openvswitch\nresync_interval = 5\n"
            "[api]\nlbaas_v1_providers = HAProxy,lb,haproxy\n"
            "minimum_tls_version = TLSv1.2\ndefault_listener_tls_versions = TLSv1.3\nallow_ping_health_monitors = no\n"
            "default_pool_ciphers = HIGH:!aNULL:!AES128-SHA\ndefault_pool_alpn_protocols = http/1.1\n"
            "tls_cipher_prohibit_list = RC4-SHA:AES128-SHA\n"
            "provider_aliases = Amphora,evenload,amphora\n[quotas]\nquota_vip = 3\n",
        )
    )
    assert settings.host_name == "edge-1"
    assert settings.host.vif_driver is VifDriver.OPENVSWITCH
    assert settings.networks.vlan_ranges == (("dmz", 100, 199),)
    assert settings.agent.resync_interval == 5.0
    assert settings.host.state_dir == Path("/srv/lb/load_balancers")
    assert settings.api.lbaas_v1_providers == ("haproxy", "lb")
    assert settings.api.providers == ("evenload", "amphora")
    assert settings.quotas.v1["vip"] == 3
    assert settings.tls.minimum is TlsVersion.TLS_1_2
    assert settings.tls.listeners == TlsDefaults(versions=(TlsVersion.TLS_1_3,))
    assert settings.tls.pools == TlsDefaults(ciphers="HIGH:!aNULL:!AES128-SHA", alpn=(AlpnProtocol.HTTP_1_1,))
    assert settings.tls.prohibited == {"RC4-SHA", "AES128-SHA"}
    assert settings.allowed == Allowed(ping_health_monitors=False)
    assert settings.networking == Networking(
        ways=frozenset({"vip_network_id", "vip_subnet_id"}),
        vip_networks=frozenset({"00000000-0000-0000-0000-00000000000a"}),
        reserved=(ip_network("192.0.2.0/24"), ip_network("2001:db8::1")),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[networks]\ndefault_physical_network = nowhere\n", "default_physical_network"),
        ("[networks]\nbridge_mappings = a:br-of-more-than-15\n", "br-of-more-than-15"),
        ("[api]\nthreads = abc\n", r"/evenload\.conf: \[api\] threads: 'abc' is no whole number from 1 to 256$"),
        ("[api]\nthreads =\n", r"\[api\] threads: '' is no whole number from 1 to 256$"),
        ("[api]\nthreads = 257\n", r"\[api\] threads: '257' is no whole number from 1 to 256$"),
        ("[api]\nTHREADS = 1\n", "THREADS: there is no such setting"),
        ("[api]\npagination_max_limit = 0\n", r"\[api\] pagination_max_limit: '0' is no whole number of at least 1$"),
        ("[agent]\nresync_interval = fast\n", r"\[agent\] resync_interval: 'fast' is no number of at least 0\.2$"),
        ("[agent]\nresync_interval = nan\n", r"\[agent\] resync_interval: 'nan' is no number of at least 0\.2$"),
        ("[agent]\nresync_interval = inf\n", r"\[agent\] resync_interval: 'inf' is no number of at least 0\.2$"),
        ("[agent]\nremoval_share = 25%\n", r"\[agent\] removal_share: '25%' is no number from 0 to 1$"),
        ("[api]\nbind_port = http\n", r"\[api\] bind_port: 'http' is no whole number from 0 to 65535$"),
        ("[api]\naudit = perhaps\n", r"\[api\] audit: 'perhaps' is neither true nor false$"),
        ("[secrets]\nendpoint = ftp://x\n", r"\[secrets\] endpoint: 'ftp://x' is no URL with http or https$"),
        ("[api]\nenforce_new_defaults = perhaps\n", r"\[api\] enforce_new_defaults: 'perhaps'"),
        ("[networks]\nvlan_ranges = physnet1:5\n", "vlan_ranges"),
        ("[networking]\nreserved_ips = 10.0.0.1/24\n", r"\[networking\] reserved_ips: 10.0.0.1/24 has host bits set"),
        ("[networking]\nreserved_ips = ::ffff:10.9.0.0/112\n", "another form of an IPv4 network"),
        ("[networking]\ndenylist_vip_networks = web\n", "denylist_vip_networks: ids of networks"),
        (
            "[networking]\nallow_vip_port_id = no\nallow_vip_subnet_id = no\nallow_vip_network_id = no\n",
            r"\[networking\] .*allow_vip_port_id: one way at least",
        ),
        ("[networks]\nvlan_ranges = other:5:6\n", "vlan_ranges"),
        ("[networks]\nvlan_ranges = physnet1:6:5\n", "vlan_ranges"),
        ("[api]\nauth_strategy = trust\n", "auth_strategy"),
        ("[api]\nbind_port = 65536\n", "bind_port"),
        ("[api]\nminimum_tls_version = SSLv3\n", "minimum_tls_version"),
        ("[api]\nminimum_tls_version = TLSv1.3\n", "default_listener_tls_versions: .*TLSv1.2 < TLSv1.3"),
        ("[api]\ndefault_pool_tls_versions = TLSv9\n", "default_pool_tls_versions"),
        ("[api]\ndefault_listener_tls_versions =\n", "default_listener_tls_versions: At least one"),
        ("[api]\ndefault_listener_alpn_protocols = h3\n", "default_listener_alpn_protocols"),
        ("[api]\ndefault_pool_ciphers = CHEESE\n", "default_pool_ciphers: .*none that is known"),
        ("[api]\ndefault_listener_ciphers = A B\n", "default_listener_ciphers"),
        (
            "[api]\ntls_cipher_prohibit_list = RC4-SHA:ECDHE-RSA-AES128-GCM-SHA256\n",
            "default_listener_ciphers: .*prohibited by an administrator: ECDHE-RSA-AES128-GCM-SHA256",
        ),
        ("[api]\nbind_prot = 9877\n", r"evenload.conf: \[api\] bind_prot: there is no such setting"),
        ("[api]\nbind-port = 9877\n", "bind-port"),
        ("[agent]\nstate_path = /srv\n", r"\[agent\] state_path"),
        ("[api]\nlbaas_v1_providers =\n", "lbaas_v1_providers: at least one"),
        ("[api]\nlbaas_v1_providers = a b\n", "lbaas_v1_providers: 'a b'"),
        ("[api]\nprovider_aliases = a b\n", "provider_aliases: 'a b'"),
        ("[ports]\nprovider = noop\n", r"\[ports\] provider: noop goes with"),
        ("[agent]\nhost = none\n", r"\[agent\] host: Valid values are \[linux, noop\], but found 'none'"),
        ("[quotas]\nquota_vip = -2\n", r"\[quotas\] quota_vip: '-2' is no whole number from -1 to 2147483647$"),
        ("[network]\nmtu = 1400\n", r"no section \[network\]"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(written(tmp_path, text))


def test_what_does_not_exist_is_refused_in_a_directory_of_files_too(tmp_path: Path) -> None:
    (tmp_path / "10-api.conf").write_text("[API]\nbind_port = 9877\n")
    assert read_settings(["--config-dir", str(tmp_path)]).serving.port == 9877
    (tmp_path / "20-agent.conf").write_text("[agent]\nworker = 3\n")
    with pytest.raises(SettingsError, match=r"20-agent.conf: \[agent\] worker"):
        read_settings(["--config-dir", str(tmp_path)])


@pytest.mark.parametrize("text", ["[api]  # ours\nbind_port = 9877\n", "[api]\nbind_port = 9877  # ours\n"])
def test_a_comment_where_none_may_stand_is_called_one(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="a comment has a line of its own"):
        read_settings(written(tmp_path, text))


def test_the_usual_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tmp_path / ".evenload" / "evenload.conf"
    usual.parent.mkdir()
    usual.write_text("[api]\nbind_port = 9877\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["evenload", "doctor"])
    assert read_settings([]).files == (usual,)


def test_a_file_that_others_may_not_read_asks_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = written(tmp_path, "[api]\n")
    opened = open

    def refuse(path: Any, *more: Any, **named: Any) -> Any:  # the tests are root, who may read everything
        if str(path).endswith(".conf"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *more, **named)

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(SettingsError, match=r"\.conf may be read by root alone: run this as root, or with sudo"):
        read_settings(arguments)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.conf"):
        read_settings(["--config-file", str(tmp_path / "missing.conf")])


def test_the_policy_may_stand_where_it_stood_before(tmp_path: Path) -> None:
    for section in ("oslo_policy", "api"):
        text = f"[{section}]\npolicy_file = /etc/policy.yaml\nenforce_new_defaults = true\n"
        policy = read_settings(written(tmp_path, text)).policy
        assert (policy.file, policy.enforce_new_defaults) == (Path("/etc/policy.yaml"), True)


def test_the_settings_of_keystone_count_where_callers_have_its_tokens(tmp_path: Path) -> None:
    """Their names are a library's, which nobody else imports."""
    text = "[keystone_authtoken]\nauth_section = service_user\n[service_user]\nusername = lb\n"
    assert read_settings(written(tmp_path, text)).serving.auth_strategy == "none"
    with pytest.raises(SettingsError, match=r"no section \[another_user\]"):
        read_settings(written(tmp_path, text + "[another_user]\n"))
