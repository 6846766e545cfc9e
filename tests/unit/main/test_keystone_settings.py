"""``[keystone_authtoken]``: the library's own names, refused where they are mistyped or could only be passed over."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.waiting import NET

from evenload.api.auth.keystone import GROUP, KeystoneError
from evenload.main.keystone import open_keystone
from evenload.main.sample import KEYSTONE
from evenload.main.settings import SettingsError, read_settings

USER = (
    "auth_type = password\nauth_url = http://127.0.0.1:1/v3\nusername = lb\npassword = geheim\nproject_name = service\n"
)
SECTION = f"[{GROUP}]\n{USER}"


def written(directory: Path, text: str) -> Path:
    file = directory / "evenload.conf"
    file.write_text(f"[api]\nauth_strategy = keystone\n{text}")
    return file


def test_the_library_takes_its_options_from_the_one_file(tmp_path: Path) -> None:
    cafile = tmp_path / "ca.pem"
    cafile.touch()
    file = written(tmp_path, f"{SECTION}user-domain-name = Default\ncafile = {cafile}\n")
    settings = read_settings(["--config-file", str(file)])
    assert settings.serving.auth_strategy == "keystone"
    validator, named = open_keystone(settings.files)
    assert validator.challenge == 'Keystone uri="http://127.0.0.1:1/v3"'
    assert cafile in named
    assert "geheim" not in repr(settings)


def test_where_clients_get_tokens_may_be_another_address(tmp_path: Path) -> None:
    validator, _ = open_keystone([written(tmp_path, f"{SECTION}www_authenticate_uri = https://cloud/v3\n")])
    assert validator.challenge == 'Keystone uri="https://cloud/v3"'


def test_the_user_may_stand_in_a_section_of_his_own(tmp_path: Path) -> None:
    file = written(tmp_path, f"[{GROUP}]\nauth_section = service_user\n[service_user]\n{USER}")
    assert open_keystone(read_settings(["--config-file", str(file)]).files)
    spoilt = written(tmp_path, f"{file.read_text()}usernane = lb\n")
    with pytest.raises(SettingsError, match=r"\[service_user\] usernane: there is no such setting"):
        open_keystone([spoilt])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"[{GROUP}]\n", "auth_type: needed"),
        (f"[{GROUP}]\nauth_type = passwort\n", "auth_type: .*passwort"),
        (f"[{GROUP}]\nauth_type = password\n", "auth_url"),
        (f"{SECTION}tokken_cache_time = 3\n", r"evenload.conf: \[keystone_authtoken\] tokken_cache_time"),
        (f"{SECTION}token_cache_time = long\n", "token_cache_time"),
        (f"{SECTION}delay_auth_decision = true\n", "delay_auth_decision: must be false"),
        (f"{SECTION}cache = swift.cache\n", "cache: there is no Swift"),
        (f"{SECTION}include_service_catalog = false\n", "include_service_catalog: must be true"),
        (f"{SECTION}memcached_servers = 127.0.0.1:1\n", "memcached_servers: the package python-memcached is needed"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: str
) -> None:
    monkeypatch.setitem(sys.modules, "memcache", None)  # tests have it
    file = written(tmp_path, text)
    read_settings(["--config-file", str(file)])
    with pytest.raises((SettingsError, KeystoneError, ValueError), match=named):
        open_keystone([file])


def test_the_sample_names_nothing_that_does_not_exist(tmp_path: Path) -> None:
    lines = [line.removeprefix("#") for line in KEYSTONE.splitlines() if not line.startswith("# ")]
    text = "\n".join(line for line in lines if not line.endswith("="))
    empty = [line.removesuffix(" =") for line in lines if line.endswith("=")]
    extra = "".join(f"{name} = x\n" for name in empty if name != "cafile")
    assert open_keystone([written(tmp_path, f"{text}\n{extra}")])


def test_nobody_else_pays_for_the_library() -> None:
    """A server whose callers have no tokens has not even imported it after all its imports."""
    program = (
        "import sys; from evenload.main import server_role, preload; preload.preload(); "
        "preload.preload_policy_checks(external=False); "
        "dear = ('keystonemiddleware', 'keystoneauth1', 'openstack', 'requests', 'webob'); "
        "print([name for name in dear if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=NET)
    assert done.stdout.strip() == "[]"
