"""The built-in store of secrets by the tools of OpenStack, typed as in Octavia's TLS cookbook; and where keys lie."""

import os
import sqlite3
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from tests.e2e.building import connect
from tests.e2e.world import World, ask
from tests.unit.secrets.authority import WORD, Identity, site
from tests.waiting import NET


@pytest.fixture
def server(tmp_path: Path) -> Identity:
    """Its files lie in the directory: server.crt, server.key, ca-chain.crt, server.p12 made of them by openssl."""
    made = site().server
    (tmp_path / "server.crt").write_bytes(made.pem)
    (tmp_path / "server.key").write_bytes(made.key_pem())
    (tmp_path / "locked.key").write_bytes(made.key_pem(word=WORD))
    (tmp_path / "ca-chain.crt").write_bytes(site().upper.pem + site().lower.pem)
    export = "openssl pkcs12 -export -inkey server.key -in server.crt -certfile ca-chain.crt -out server.p12"
    subprocess.run([*export.split(), "-passout", "pass:"], cwd=tmp_path, check=True, timeout=NET)
    return made


def test_the_cookbook_as_it_is_typed(world: World, server: Identity, tmp_path: Path) -> None:
    packed = b64encode((tmp_path / "server.p12").read_bytes()).decode()
    one, certificate, key, chain, word = world.commands(
        f"secret store --name=tls_secret1 -t application/octet-stream -e base64 --payload={packed} -f json",
        f"secret store --name=cert1 --payload-content-type=text/plain --file={tmp_path}/server.crt -f json",
        f"secret store --name=key1 --payload-content-type=text/plain --file={tmp_path}/locked.key -f json",
        f"secret store --name=chain1 --payload-content-type=text/plain --file={tmp_path}/ca-chain.crt -f json",
        f"secret store --name=word1 --payload-content-type=text/plain --payload='{WORD.decode()}' -f json",
        path="/v1",
    )
    refs = {"certificate": certificate, "private_key": key, "intermediates": chain, "private_key_passphrase": word}
    parts = " ".join(f"--secret={name}={made['Secret href']}" for name, made in refs.items())
    container, listed, shown = world.commands(
        f"secret container create --name=tls_container1 --type=certificate {parts} -f json",
        "secret list --limit 100 -f json",
        f"secret get {one['Secret href']} -f json",
        path="/v1",
    )
    names = {each["Name"]: each["Secret href"] for each in listed}
    assert names["tls_secret1"] == one["Secret href"]
    assert names.keys() >= {"cert1", "key1", "chain1", "word1"}
    assert shown["Content types"] == {"default": "application/octet-stream"}

    href = container["Container href"]
    got, changed, acl = world.commands(
        f"secret container get {href} -c Name -c Type -f json",
        f"acl user add --user lb-service {href} -f json",
        f"acl get {href} -f json",
        path="/v1",
    )
    assert got == {"Name": "tls_container1", "Type": "certificate"}
    [kept] = ask(world.service.port, "GET", "/v1/containers").body["containers"]
    assert {each["name"]: each["secret_ref"] for each in kept["secret_refs"]} == {
        name: made["Secret href"] for name, made in refs.items()
    }
    assert changed
    assert [each["Users"] for each in acl] == [["lb-service"]]

    manager = connect(f"{world.service.url}/v1").key_manager
    [found] = [each for each in manager.secrets() if each.name == "key1"]
    assert manager.get_secret(found.secret_id).payload == (tmp_path / "locked.key").read_text().strip()
    world.commands(
        f"secret container delete {href}", *(f"secret delete {each['Secret href']}" for each in listed), path="/v1"
    )
    assert ask_v1(world, "secrets") == {"secrets": [], "total": 0}
    assert ask_v1(world, "containers") == {"containers": [], "total": 0}


def test_a_private_key_lies_nowhere_in_clear(world: World, server: Identity) -> None:
    text = server.key_pem().decode().strip()  # as Barbican, which strips what is around a text
    given = {"name": "marked", "payload": text, "payload_content_type": "text/plain"}
    made = ask(world.service.port, "POST", "/v1/secrets", given)
    assert made.status == 201
    path = made.body["secret_ref"].removeprefix(world.service.url)
    for wrong in (
        {**given, "payload_content_type": text},
        {**given, "payload_content_encoding": text},
        {**given, "expiration": text},
    ):
        refused = ask(world.service.port, "POST", "/v1/secrets", wrong)
        assert refused.status == 400
        assert_unmarked(str(refused.body), text, "an error")

    state = world.lab.state
    found = [each for each in state.rglob("*") if each.is_file() and not each.is_symlink()]
    database = state / "server" / "evenload.sqlite"
    assert database in found
    for file in [*found, *logs_of(world)]:
        assert_unmarked(file.read_bytes().decode("latin-1"), text, str(file))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        [row] = connection.execute("SELECT content FROM sealed_payloads WHERE secret_id = ?", (path[-36:],))
    assert len(row[0]) == len(text) + 12 + 16
    keys = (state / "secrets.key").stat()
    assert (keys.st_uid, keys.st_mode & 0o777) == (0, 0o600)
    assert ask(world.service.port, "DELETE", path).status == 204


def assert_unmarked(content: str, key: str, where: str) -> None:
    marks = [line for line in key.splitlines() if line and "-----" not in line]
    assert marks
    assert not any(mark in content for mark in marks), where


def logs_of(world: World) -> list[Path]:
    return [each for each in world.lab.directory.rglob("*.log") if os.path.getsize(each)]


def ask_v1(world: World, what: str) -> object:
    return ask(world.service.port, "GET", f"/v1/{what}").body
