"""docs/start.md and the pages that go on from it, docs/tls.md and docs/secrets.md, typed as they stand; and what
CONTRIBUTING.md says of a second service beside it."""

from tests.pages.reading import ROOT, read_blocks
from tests.pages.rooms import Room, open_room
from tests.pages.walking import Told, Walk

REFUSED = (55, 56)
"""curl's, where the server ends the handshake, in TLS 1.2 and 1.3."""
TOLD = (
    Told("curl http://10.78.0.100/", "Directory listing"),
    Told("openstack loadbalancer status show lb", '"operating_status": "ONLINE"', later=True),
    Told("get https://www.example.com/", "Directory listing"),
    Told("openstack loadbalancer listener show --fit-width https", "TERMINATED_HTTPS"),
    Told("curl -i http://10.78.0.100/", "301 Moved Permanently"),
    Told("curl -s", '"subject": "CN=www.example.com"'),
    Told("get https://www.example.com/", "Directory listing"),
    Told("get https://shop.example.com/", "Directory listing"),
    Told("get https://www.example.com/", codes=REFUSED),
    Told("get --cert anna.crt --key anna.key https://www.example.com/", "strict-transport-security: max-age=31536000"),
    Told("get --cert anna.crt --key anna.key https://www.example.com/", "Secure Renegotiation IS"),
    Told("get --cert anna.crt --key anna.key https://shop.example.com/", "503"),
    Told("secret container list --name tls2 -f value -c 'Container href'", "/v1/containers/"),
    Told("part DELETE certificate cert1"),
    Told("part POST certificate cert2", '"container_ref": '),
)
SERVER = """
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj '/CN=CA' -keyout ca.key -out ca-chain.crt
openssl req -x509 -CA ca-chain.crt -CAkey ca.key -newkey rsa:2048 -nodes -days 365 -subj '/CN=server' \\
    -addext basicConstraints=CA:FALSE -keyout server.key -out server.crt
"""
GENERIC = """
secret container create --name=tls3 --type=generic --secret="certificate=$(ref cert1)" \\
    --secret="private_key=$(ref key1)" --secret="intermediates=$(ref chain1)" &&
    secret store --name=cert2 --payload-content-type=text/plain --file=server.crt &&
    secret store --name=key2 --payload-content-type=text/plain --file=server.key
"""


def test_by_hand_tls_secrets_and_away_with_it() -> None:
    with open_room() as room, room.shell() as shell:
        walk = Walk(room, shell, TOLD)
        walk.page("docs/start.md", "By hand")
        walk.page("docs/tls.md", "A walk")
        walk.page("docs/secrets.md", "Where clients find it")
        walk.command("cd $(mktemp -d)" + SERVER)
        walk.page("docs/secrets.md", "Storing a certificate")
        walk.command(GENERIC)
        walk.page("docs/secrets.md", "What changes later")
        walk.command(f"cd {ROOT} && kill %2")
        beside_it(room, walk)
        walk.page("docs/start.md", "Away with it")
        walk.finish()
        assert walk.terminals
        assert "qlbaas" not in room.say("ip netns list")


def beside_it(room: Room, walk: Walk) -> None:
    """Both serve, and neither touches what is the other's; Ctrl-C is the test's."""
    blocks = [block for block in read_blocks("CONTRIBUTING.md") if block.heading == "Try a change by hand"]
    before = room.say("ip netns list")
    for block in blocks[:-1]:
        walk.block(block)
    assert "mine" in room.say("ls /run/netns-mine && ip link show type bridge")
    room.say("pkill --full /etc/evenload-mine.conf --oldest")
    walk.command("until [ $(pgrep --full --count 'evenload (server|agent) .*evenload-mine') = 0 ]; do sleep 0.1; done")
    walk.block(blocks[-1])
    assert room.say("ip netns list") == before
    assert "br-mine" not in room.say("ip link show type bridge")
    walk.command("export OS_ENDPOINT=http://127.0.0.1:9876 && openstack loadbalancer show lb")
