"""Every file in ``cases`` is a desired state, a line of dashes, and the configuration that it renders to."""

import subprocess
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tests.certificates import make_bundle
from tests.golden.desired import load_desired
from tests.unit.secrets.authority import Identity, make, revocations

from evenload.model.desired import Desired
from evenload.model.named_file import DIRECTORY, names_in
from evenload.model.slot import SLOTS, slots_in
from evenload.model.tickets import TICKETS
from evenload.render.haproxy import render_files, render_haproxy
from evenload.render.options import RenderOptions

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
OF_THE_MACHINE = "threads running on a total of"
"""HAProxy 3.0 warns of more threads than there are processors, which is the business of whoever makes such a flavor."""
LINE = "-" * 60 + "\n"
OPTIONS = RenderOptions(state_dir="/var/lib/evenload/load_balancers", log_socket="/log")


@pytest.fixture(scope="module")
def bundle() -> Callable[[], bytes]:
    return cache(lambda: make_bundle("www.example", "*.example"))


@cache
def authority() -> Identity:
    return make("Root", authority=True)


def judges(desired: Desired) -> dict[str, bytes]:
    """By name, files with authorities and revocations, which are of one and the same root."""
    listeners = [listener.tls for listener in desired.listeners if listener.tls is not None]
    pools = [pool.tls for pool in desired.pools if pool.tls is not None]
    authorities = [each.client_authorities for each in listeners] + [each.authorities for each in pools]
    revoked = [each.client_revocations for each in listeners] + [each.revocations for each in pools]
    return {
        **{each.fingerprint: authority().pem for each in authorities if each is not None},
        **{each.fingerprint: revocations(authority()) for each in revoked if each is not None},
    }


def test_there_are_cases() -> None:
    assert len(CASES) > 10


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_desired_state_renders_to_what_the_case_says(case: Path, rewrite: bool) -> None:
    desired, _, expected = case.read_text().partition(LINE)
    rendered = render_haproxy(load_desired(desired), OPTIONS, worker=1)
    if rewrite:
        case.write_text(desired + LINE + rendered)
    else:
        assert rendered == expected


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_haproxy_takes_it_without_a_warning(case: Path, tmp_path: Path, bundle: Callable[[], bytes]) -> None:
    """The text of the case itself, with the state directory moved to where this test may write. All certificates are
    one and the same."""
    given, _, expected = case.read_text().partition(LINE)
    directory = tmp_path / "balancer"
    (directory / SLOTS).mkdir(parents=True)
    (directory / "servers.state").write_text("1\n")
    files = {file.name: file.content.expose() for file in render_files(load_desired(given), OPTIONS)}
    for slot in slots_in(expected).values():
        content = files.get(slot.fingerprint, b"").replace(OPTIONS.state_dir.encode(), str(tmp_path).encode())
        (directory / SLOTS / slot.name).write_bytes(content or bundle())
    (directory / DIRECTORY).mkdir()
    others = files | judges(load_desired(given))
    for name in names_in(expected) | others.keys():
        (directory / DIRECTORY / name).write_bytes(others.get(name) or bundle())
    (directory / TICKETS).write_text(f"{b64encode(bytes(80)).decode()}\n" * 3)
    config = tmp_path / "haproxy.cfg"
    config.write_text(expected.replace(OPTIONS.state_dir, str(tmp_path)))
    judged = subprocess.run(["/usr/sbin/haproxy", "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stderr
    warnings = [line for line in (judged.stderr + judged.stdout).splitlines() if "[WARNING]" in line]
    assert [line for line in warnings if OF_THE_MACHINE not in line] == []
