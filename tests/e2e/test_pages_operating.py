"""One service, operated as docs/users.md, docs/tls-proxy.md, docs/secrets.md and docs/backup.md say."""

import re
import sys
from pathlib import Path

from tests.pages.reading import read_blocks
from tests.pages.rooms import Room, open_room
from tests.pages.walking import Told, Walk, file_of

SETTINGS = "/etc/evenload/evenload.conf"
NIGHTLY = "/etc/cron.d/evenload-backup"
PASSWORD = "correct horse"
TOLD = (
    Told("evenload-user anna", typed=PASSWORD),
    Told("evenload-user root", typed=PASSWORD),
    Told("openstack loadbalancer list"),
    Told("haproxy -c"),
    Told("curl --cacert", '"href": "https://lb.example:9443/'),
    Told("evenload-secret-keys list", r"\b0 secrets"),
    Told("evenload backup", "secrets.key"),
    Told("evenload restore", "is kept as"),
)


def test_users_a_proxy_keys_and_backups() -> None:
    with (
        open_room() as room,
        room.shell({"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"}) as shell,
    ):
        walk = Walk(room, shell, TOLD, {"OS_PASSWORD=…": f"OS_PASSWORD='{PASSWORD}'"})
        walk.command("cd && mkdir -p /etc/evenload")
        write(room, SETTINGS, file_of("docs/users.md", SETTINGS))
        walk.page("docs/users.md", "Users and passwords")
        assert "asks for user name" in room.say("curl -s http://127.0.0.1:9876/v2/lbaas/loadbalancers")

        write(room, SETTINGS, file_of("docs/tls-proxy.md", SETTINGS))
        write(room, "/etc/haproxy/haproxy.cfg", file_of("docs/tls-proxy.md", "/etc/haproxy/haproxy.cfg"))
        walk.page("docs/tls-proxy.md")
        walk.command(
            "OS_CACERT=/etc/ssl/certs/api.crt OS_ENDPOINT=https://localhost:9443 openstack --insecure loadbalancer list"
        )

        walk.command("export OS_USERNAME=root")
        walk.command("openstack network create before")
        walk.page("docs/secrets.md", "Where the keys lie")
        walk.page("docs/backup.md")
        walk.command("openstack network show before")
        walk.finish()

        line = file_of("docs/backup.md", NIGHTLY)
        nightly = re.sub(r"^(\S+ ){5}root ", "", line).replace(r"\%", "%")
        assert nightly != line
        walk.command(f"sh -c '{nightly}'")
        [kept] = room.path("/var/backups/evenload").iterdir()
        assert kept.stat().st_mode & 0o777 == 0o600


def write(room: Room, path: str, text: str) -> None:
    """Behind what is there already."""
    file = room.path(path)
    former = file.read_text() if file.exists() else ""
    file.write_text(f"{former}\n{text}\n")


def test_the_proxys_language_is_haproxys() -> None:
    assert [block.title for block in read_blocks("docs/tls-proxy.md") if block.language == "haproxy"] == [
        "/etc/haproxy/haproxy.cfg"
    ]
