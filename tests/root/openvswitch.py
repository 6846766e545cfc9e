"""An Open vSwitch of the tests' own: private database and daemon, userspace datapath, everything in one directory.

``Openvswitch.start`` to ``stop``; the daemons are known by their pid files and ended by pid.
"""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from demo.lab import Machine
from tests.root.lab import run, run_ip
from tests.waiting import NET, eventually

from evenload.host import netns
from evenload.host.haproxy_process import start_time
from evenload.host.settings import OpenvswitchSettings

_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
_DAEMONS = ("ovs-vswitchd", "ovsdb-server")


class Openvswitch:
    def __init__(self) -> None:
        self.token = secrets.token_hex(2)
        self.directory = Path(f"/run/evo{self.token}")
        self.connection = f"unix:{self.directory}/db.sock"
        self._machines: list[Machine] = []
        self._count = 0

    def settings(self, *, use_veth: bool = False) -> OpenvswitchSettings:
        return OpenvswitchSettings(connection=self.connection, use_veth=use_veth, datapath_type="netdev", timeout=NET)

    def start(self) -> None:
        self.directory.mkdir(mode=0o755)
        run("ovsdb-tool", "create", f"{self.directory}/conf.db", str(_SCHEMA))
        self._daemon("ovsdb-server", f"{self.directory}/conf.db", f"--remote=punix:{self.directory}/db.sock")
        self.vsctl("--no-wait", "init")
        self.start_switch()

    def start_switch(self) -> None:
        self._daemon("ovs-vswitchd", self.connection)

    def stop_switch(self) -> None:
        self._end("ovs-vswitchd")

    def vsctl(self, *words: str) -> str:
        return run("ovs-vsctl", f"--db={self.connection}", f"--timeout={NET:.0f}", *words)

    def machine(self, name: str, bridge: str, *addresses: str, vlan: int | None = None) -> Machine:
        """A namespace with a veth to the bridge, fit for a switch in userspace."""
        self._count += 1  # the kernel may still be reaping the cables of the test before
        namespace = f"evo{self.token}-{self._count}-{name}"
        cable = f"evo{self.token}-{self._count}"
        machine = Machine(name=name, namespace=Path("/run/netns") / namespace, device=cable, addresses=addresses)
        self._machines.append(machine)
        run_ip([f"netns add {namespace}"])
        run_ip([f"link add {cable} type veth peer name eth0 netns {namespace}", f"link set {cable} up"])
        run_ip(
            ["link set lo up", "link set eth0 up", *(f"addr add {each} dev eth0 nodad" for each in addresses)],
            namespace=namespace,
        )
        run("ethtool", "-K", "eth0", "tx", "off", namespace=namespace)
        self.vsctl("add-port", bridge, cable, *(() if vlan is None else (f"tag={vlan}",)))
        return machine

    def clear(self) -> None:
        """Removes the bridges and the machines; the daemons go on."""
        for bridge in self.vsctl("list-br").split():
            self.vsctl("del-br", bridge)
        self._remove_machines()

    def stop(self) -> None:
        for daemon in _DAEMONS:
            self._end(daemon)
        self._remove_machines()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _remove_machines(self) -> None:
        """Cables too: connections that nobody answers any more keep a namespace, and its cable, for minutes."""
        for machine in self._machines:
            if Path(f"/sys/class/net/{machine.device}").exists():
                run_ip([f"link del {machine.device}"])
            netns.remove(machine.namespace)
        self._machines.clear()

    def _daemon(self, name: str, *words: str) -> None:
        directory = str(self.directory)
        command = [name, *words, f"--pidfile={directory}/{name}.pid", f"--log-file={directory}/{name}.log"]
        command += [f"--unixctl={directory}/{name}.ctl", "--detach", "--no-chdir"]
        places = dict.fromkeys(("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"), directory)
        done = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _end(self, name: str) -> None:
        try:
            pid = int((self.directory / f"{name}.pid").read_text())
        except FileNotFoundError:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            if eventually(lambda: start_time(pid) is None):  # gone, or a zombie that nobody has waited for yet
                return
