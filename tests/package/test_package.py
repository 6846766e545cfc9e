"""The Debian package on a Debian that systemd has booted: installed, started, upgraded under load, run as two units,
broken, removed and purged, by the commands that docs/install.md, docs/upgrade.md and docs/remove.md give.

The tests are one story and follow each other.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo.traffic import Client, Load
from tests.own_network import hosts_network
from tests.package.machine import ROOT, Machine, booted, commands_of, repack
from tests.waiting import eventually

pytestmark = [pytest.mark.root, pytest.mark.e2e]

LBS = "/v2.0/lbaas/loadbalancers"
FORMER = "f4486c0"
"""The last commit of version 0.1.0, of one process, with the third of the schemas."""
# Its program in this package: its source, what it needed besides, its unit and settings.
_BACK = r"""
repository=$1 commit=$2 site=$(echo usr/lib/evenload/lib/python3*/site-packages)
rm -r "$site/evenload" usr/lib/systemd/system/evenload-*.service
git -C "$repository" archive "$commit" src/evenload | tar -x --strip-components=1 -C "$site"
git -C "$repository" show "$commit:requirements.lock" |
    sed -n '/^\(cheroot\|jaraco-functools\|more-itertools\)==/,/^    --hash=[^\\]*$/p' >DEBIAN/lock
python3 -m venv DEBIAN/pip
DEBIAN/pip/bin/pip install -qq --disable-pip-version-check --no-deps --require-hashes --target "$site" -r DEBIAN/lock
rm -r DEBIAN/pip DEBIAN/lock
git -C "$repository" show "$commit:packaging/evenload.service" >usr/lib/systemd/system/evenload.service
git -C "$repository" show "$commit:packaging/evenload.conf" >etc/evenload/evenload.conf
sed -i 's/evenload.main.command/evenload.main.all_in_one/' usr/lib/evenload/bin/evenload
"""
# Where the repository has no history: the next version, with a schema of its own.
_ON = r"""
versions=$(echo usr/lib/evenload/lib/python3*/site-packages/evenload/store/migrations/versions)
newest=$(basename "$(ls "$versions"/0*.py | tail -n 1)" .py)
cat >"$versions/9999_next.py" <<END
import sqlalchemy
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "${newest%%_*}", None, None
def upgrade():
    op.create_table("next", sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True))
def downgrade():
    raise NotImplementedError
END
"""


class Site:
    """The machine, the packages of two versions, and the load balancer that all this is about."""

    def __init__(self, machine: Machine, former: Path, newer: Path) -> None:
        self.machine = machine
        self.former = former
        self.newer = newer
        self.client = Client(machine.place)
        self.vip = ""
        self.id = ""

    def offer(self, package: Path) -> None:
        """Alone where the pages' commands look for it."""
        self.machine.say("rm -f /root/evenload_*.deb")
        (self.machine.root / "root" / package.name).write_bytes(package.read_bytes())

    def load(self) -> Load:
        return Load(self.client, self.vip)

    def balancer(self) -> dict[str, Any]:
        reply = self.machine.api("GET", f"{LBS}/{self.id}")
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body["loadbalancer"]
        return found

    def schema(self) -> str:
        """The revision that the database has, wherever this version keeps it."""
        code = (
            "import glob, sqlite3\n"
            "[file] = glob.glob('/var/lib/evenload/**/evenload.sqlite', recursive=True)\n"
            "print(sqlite3.connect(file).execute('SELECT version_num FROM alembic_version').fetchone()[0])"
        )
        self.machine.put("/root/schema.py", code)
        return self.machine.say("python3 /root/schema.py").strip()

    def serving(self) -> int:
        """The HAProxy that listens now, as the agent has written it down."""
        pid = json.loads(self.machine.read(f"/var/lib/evenload/load_balancers/{self.id}/running.json"))["pid"]
        assert pid in self.machine.haproxies()
        return int(pid)

    def change(self, name: str) -> None:
        """A listener more, in force when this returns."""
        port = 8000 + len(self.balancer()["listeners"])
        body = {"listener": {"name": name, "protocol": "HTTP", "protocol_port": port, "loadbalancer_id": self.id}}
        reply = self.machine.api("POST", "/v2.0/lbaas/listeners", body)
        assert reply.status == 201, reply
        assert eventually(lambda: self.balancer()["provisioning_status"] == "ACTIVE")
        config = f"/var/lib/evenload/load_balancers/{self.id}/haproxy.cfg"
        assert f":{port}" in self.machine.read(config)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("package")
    with hosts_network():  # PyPI is out there
        built = subprocess.run([str(ROOT / "tools/deb"), str(directory)], stdout=subprocess.PIPE, text=True, check=True)
        package = Path(built.stdout.strip())
        has_former = subprocess.run(["git", "cat-file", "-e", FORMER], cwd=ROOT, capture_output=True).returncode == 0
        if has_former:
            former, newer = repack(package, directory, "0.1.0", _BACK, str(ROOT), FORMER), package
        else:
            former, newer = package, repack(package, directory, "99", _ON)
    (directory / "machine").mkdir()
    with booted(directory / "machine") as machine:
        yield Site(machine, former, newer)


def test_the_former_version_serves(site: Site) -> None:
    machine = site.machine
    site.offer(site.former)
    machine.say(commands_of("install.md", "install"))
    assert machine.attempt("systemctl is-enabled evenload").stdout.strip() == "disabled"
    assert machine.unit("evenload")["ActiveState"] == "inactive"
    assert not machine.has("/sys/class/net/br-evenload")
    machine.say(commands_of("install.md", "start"))
    assert eventually(lambda: machine.attempt("curl -fsS http://127.0.0.1:9876/").returncode == 0)
    for line in (
        "ip netns add web1",
        "ip link add web1 type veth peer name eth0 netns web1",
        "ip link set web1 master br-evenload up",
        "ip -n web1 address add 10.78.0.10/24 dev eth0",
        "ip -n web1 link set eth0 up",
        "ip address add 10.78.0.250/24 dev br-evenload",
    ):
        machine.say(line)
    machine.begin("ip netns exec web1 python3 -m http.server 8080 --directory /usr/share/doc")
    network = machine.api("POST", "/v2.0/networks", {"network": {"name": "web"}}).body["network"]["id"]
    pool = [{"start": "10.78.0.100", "end": "10.78.0.199"}]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.78.0.0/24", "gateway_ip": None}
    made = machine.api("POST", "/v2.0/subnets", {"subnet": {**subnet, "allocation_pools": pool}})
    member = {"address": "10.78.0.10", "protocol_port": 8080}
    backends = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [member]}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": backends}
    body = {"name": "lb", "vip_subnet_id": made.body["subnet"]["id"], "listeners": [listener]}
    reply = machine.api("POST", LBS, {"loadbalancer": body})
    assert reply.status == 201, reply
    site.id, site.vip = reply.body["loadbalancer"]["id"], reply.body["loadbalancer"]["vip_address"]
    assert eventually(lambda: site.balancer()["provisioning_status"] == "ACTIVE")
    with site.load() as load:
        load.await_more(20)


def test_an_upgrade_under_load_loses_no_request(site: Site) -> None:
    machine = site.machine
    before = site.schema()
    site.offer(site.newer)
    with site.load() as load:
        load.await_more(20)
        machine.say(commands_of("upgrade.md", "upgrade"))
        assert eventually(lambda: site.balancer()["provisioning_status"] == "ACTIVE")
        load.await_more(50)
        site.change("after the upgrade")
        load.await_more(50)
    assert load.failures == []
    assert site.schema() > before
    unit = machine.unit("evenload")
    assert (unit["ActiveState"], unit["StatusText"]) == ("active", "server and agent are at work")
    status = machine.say("stat -c '%U %a' /var/lib/evenload/server/evenload.sqlite /run/evenload /var/lib/evenload")
    assert status.split() == ["evenload", "600", "root", "750", "root", "711"]
    users = machine.say("ps -o user= -p \"$(pgrep -d , -f '^/usr/lib/evenload/bin/[p]ython3')\"").split()
    assert sorted(users) == ["evenload", "root", "root"], machine.say("ps aux")


def test_what_the_pages_show(site: Site) -> None:
    machine = site.machine
    said = machine.say(commands_of("install.md", "look"))
    assert "Active: active (running)" in said
    assert "lb" in said
    machine.say(commands_of("upgrade.md", "backup"))
    assert machine.has("/root/evenload-before.backup")
    with site.load() as load:
        machine.say(commands_of("install.md", "haproxy"))
        load.await_more(20)
    assert load.failures == []


def test_nothing_is_imported_from_elsewhere_and_all_of_it_can_be(site: Site) -> None:
    code = (
        "import importlib, pkgutil, sys, evenload, psycopg, pymysql, memcache, openstack, uvloop\n"
        "names = [each.name for each in pkgutil.walk_packages(evenload.__path__, 'evenload.')]\n"
        "[importlib.import_module(name) for name in names if 'migrations' not in name]\n"
        "files = [getattr(module, '__file__', None) or '' for module in list(sys.modules.values())]\n"
        "print([file for file in files if file.startswith('/usr/lib/python3/')])"
    )
    site.machine.put("/root/imports.py", code)
    assert site.machine.say("/usr/lib/evenload/bin/python3 /root/imports.py").strip() == "[]"
    there = site.machine.say("ls /usr/lib/evenload/lib/python3*/site-packages").split()
    assert {"pip", "setuptools", "pytest", "openstackclient", "fixtures"}.isdisjoint(there)


def test_the_roles_apart_and_together_again(site: Site) -> None:
    machine = site.machine
    with site.load() as load:
        machine.say(commands_of("install.md", "apart"))
        server, agent = machine.unit("evenload-server"), machine.unit("evenload-agent")
        assert (server["ActiveState"], server["StatusText"]) == ("active", "serving")
        assert agent["ActiveState"] == "active"
        assert eventually(lambda: machine.unit("evenload-agent")["StatusText"] == "at work with the server")
        site.change("apart")
        load.await_more(20)
        for unit in ("evenload-server", "evenload-agent"):  # each comes back alone
            machine.say(f"systemctl restart {unit}")
            assert eventually(lambda: machine.unit("evenload-agent")["StatusText"] == "at work with the server")
        site.change("restarted")
        assert machine.unit("evenload")["ActiveState"] == "inactive"
        machine.say(commands_of("install.md", "together"))
        assert machine.unit("evenload-agent")["ActiveState"] == "inactive"
        site.change("together")
        load.await_more(20)
    assert load.failures == []


def test_what_is_in_vain_is_not_tried_again(site: Site) -> None:
    machine = site.machine
    settings = machine.read("/etc/evenload/evenload.conf")
    with site.load() as load:
        machine.put("/etc/evenload/evenload.conf", f"{settings}\n[api]\nbind_prot = 9876\n")
        assert machine.attempt("systemctl restart evenload").returncode != 0
        unit = machine.unit("evenload")
        assert (unit["ActiveState"], unit["ExecMainStatus"], unit["NRestarts"]) == ("failed", "2", "0")
        machine.put("/etc/evenload/evenload.conf", settings)
        assert "bind_prot" in machine.say(commands_of("install.md", "settings"))
        machine.say("systemctl stop evenload; mv /usr/bin/evenload /usr/bin/evenload.away")
        assert machine.attempt("systemctl start evenload").returncode != 0
        unit = machine.unit("evenload")
        assert (unit["ActiveState"], unit["ExecMainStatus"], unit["NRestarts"]) == ("failed", "203", "0")
        machine.say("mv /usr/bin/evenload.away /usr/bin/evenload; systemctl start evenload")
        load.await_more(20)
    assert load.failures == []


def test_a_removal_leaves_traffic_and_an_installation_takes_it_over(site: Site) -> None:
    machine = site.machine
    before = site.serving()
    with site.load() as load:
        machine.say(commands_of("remove.md", "remove"))
        assert not machine.has("/usr/bin/evenload")
        assert not machine.has("/usr/lib/evenload")
        assert machine.has("/etc/evenload/evenload.conf")
        assert machine.attempt("pgrep -f '^/usr/lib/evenload/bin/[p]ython3'").stdout == ""
        load.await_more(20)
        site.offer(site.newer)
        machine.say(commands_of("install.md", "install"))
        machine.say("systemctl start evenload")
        assert site.serving() == before
        site.change("installed again")
        load.await_more(20)
    assert load.failures == []


def test_a_purge_takes_everything(site: Site) -> None:
    machine = site.machine
    machine.say("ip link add eth9 type veth peer name eth9p")  # what others have
    machine.say("ip netns add qlbaas-11111111-2222-3333-4444-555555555555")
    machine.say("ip link delete web1")  # the bridge holds nothing else now
    made_here = "alias evenload /var/lib/evenload" in machine.say("ip -d link show br-evenload")
    assert machine.say(commands_of("remove.md", "purge")).endswith("Taken away.\n")
    assert machine.haproxies() == []
    assert not machine.has("/var/lib/evenload")
    # Debian 13's systemd was seen to fail once while it still cleans up after what was killed; Restart= tries again.
    machine.attempt("systemctl start evenload")
    assert eventually(lambda: machine.unit("evenload")["ActiveState"] == "active")
    assert site.machine.api("GET", LBS).body["loadbalancers"] == []
    machine.say(commands_of("remove.md", "purge-package"))
    left = machine.say(
        "find / -xdev -iname '*evenload*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/root/*' ! -path '/tmp/*'"
        " ! -path '/var/log/*' ! -path '/run/log/*' ! -path '/var/cache/*'"
    )
    assert left == ""
    assert "qlbaas-11111111" in machine.say("ip netns list")
    assert machine.haproxies() == []
    links = machine.say("ip -o link")
    assert "eth9" in links
    assert "tap" not in links
    assert ("br-evenload" in links) is (not made_here)
    assert machine.say("systemctl list-unit-files --no-legend 'evenload*' || true") == ""
    assert "evenload" in machine.say("getent passwd evenload")
