"""``[secrets] cert_manager = barbican`` with its user: refused by name where it cannot be used."""

import sys
from pathlib import Path

import pytest
from tests.unit.main.test_keystone_settings import SECTION, USER, written

from evenload.main.barbican import open_barbican
from evenload.main.settings import SettingsError, read_settings

CHOSEN = "[secrets]\ncert_manager = barbican\nendpoint = http://127.0.0.1:1/key-manager\n"


def opened(file: Path) -> object:
    settings = read_settings(["--config-file", str(file)])
    assert settings.secrets.barbican is not None
    barbican, _ = open_barbican(settings.secrets.barbican, settings.files)
    assert "geheim" not in repr(settings)
    return barbican


@pytest.mark.parametrize("user", [SECTION, f"{SECTION}[service_auth]\n{USER}"])
def test_its_user_is_that_of_service_auth_or_of_keystone(tmp_path: Path, user: str) -> None:
    assert opened(written(tmp_path, f"{CHOSEN}{user}"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{SECTION}[service_auth]\n{USER}usernane = lb\n", r"\[service_auth\] usernane: there is no such setting"),
        (f"{SECTION}[service_auth]\nusername = lb\n", r"\[service_auth\] auth_type: needed"),
        (f"{SECTION}[service_auth]\nauth_type = passwort\n", r"\[service_auth\]: .*passwort"),
    ],
)
def test_a_user_who_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        opened(written(tmp_path, f"{CHOSEN}{text}"))


def test_the_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openstack.key_manager.v1._proxy", None)
    with pytest.raises(SettingsError, match=r"openstacksdk.*pip install '\.\[barbican\]' in a clone"):
        opened(written(tmp_path, f"{CHOSEN}{SECTION}"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[secrets]\ncert_manager = barbican\n", "auth_strategy = keystone alone"),
        ("[secrets]\nendpoint = http://keys.example\n", r"\[secrets\] endpoint: goes with"),
        ("[service_auth]\nauth_type = password\n", r"\[service_auth\]: goes with"),
        ("[api]\nauth_strategy = keystone\n[secrets]\ncert_manager = barbican\nendpoint = ftp://x\n", "endpoint"),
    ],
)
def test_what_it_does_not_go_with_is_refused(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "evenload.conf"
    file.write_text(text)
    with pytest.raises(SettingsError, match=named):
        read_settings(["--config-file", str(file)])
