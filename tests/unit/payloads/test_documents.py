"""Documents on disk and on the wire: what an earlier version wrote, and what a later one says."""

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from pydantic import TypeAdapter
from pydantic_core import to_json
from tests.fakes.desired import document_of_version_1, make_desired, monitor, with_member
from tests.fakes.tls import a_tls, some_authorities

from evenload.model.balancer import Member
from evenload.model.desired import Desired, Gone
from evenload.model.difference import Difference
from evenload.model.enums import ListenerProtocol
from evenload.model.registration import PAYLOAD_VERSION
from evenload.model.secret import SecretReference
from evenload.model.tls import AlpnProtocol, ClientAuthentication, PoolTls
from evenload.payloads.documents import (
    FEW,
    UnknownContent,
    Writer,
    dump_desired,
    dump_difference,
    load_desired,
    read_change,
    read_desired,
)
from evenload.payloads.messages import pack_answers, read_answers, read_result


def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(dump_desired(make_desired()))
    return parsed


def test_a_document_comes_back_as_it_was() -> None:
    desired = make_desired()
    assert load_desired(dump_desired(desired)) == desired
    assert read_desired(document()) == desired


def test_of_a_large_document_what_has_changed_is_all_that_is_written_anew() -> None:
    written: list[Member] = []

    def write(member: Member) -> bytes:
        written.append(member)
        return TypeAdapter(Member).dump_json(member)

    writer, size = Writer(write), 3 * FEW
    desired = replace(make_desired(size=size), project_id='"members":[]')
    for document, anew in [
        (desired, size),
        (desired, 0),
        (with_member(desired, 5, weight=7), 1),
        (with_member(desired, 0, weight=9), 2),  # and the other is as it was
        (replace(desired, members=desired.members[1:]), 0),
        (replace(desired, members=(*desired.members[5:], *desired.members[:4])), 1),
        (replace(desired, members=desired.members[:3]), 0),  # few, written as a whole
        (replace(desired, secrets=(SECRET,)), size),
    ]:
        written.clear()
        assert writer.dump(document) == dump_desired(document)
        assert len(written) == anew


def test_an_edition_stands_beside_the_document_and_not_in_it() -> None:
    desired = replace(make_desired(), edition=7)
    assert dump_desired(desired) == dump_desired(make_desired())
    packed = pack_answers({"a": desired})
    assert packed == packed.replace(b'"edition":7,', b"").replace(b'"desired"', b'"edition":7,"desired"')
    answer = read_answers(read_result(packed), ["a"], PAYLOAD_VERSION)["a"]
    assert isinstance(answer, Desired)
    assert (answer, answer.edition) == (desired, 7)


def test_an_agent_that_knows_of_no_differences_takes_none_for_a_document() -> None:
    desired = replace(make_desired(), edition=7)
    difference = Difference(since=3, changed=desired, removed=("gone",))
    document = json.loads(dump_difference(difference))
    read = read_change(document)
    assert isinstance(read, Difference)
    assert (read, read.changed.edition) == (difference, 7)
    with pytest.raises(UnknownContent, match="is unknown to version"):
        read_desired(document)
    for damaged in ({**document, "since": "x"}, {**document, "changed": {}}, {"since": 3}):
        with pytest.raises(UnknownContent):
            read_change(damaged)


SECRET = SecretReference(id="key", fingerprint="0" * 64)


def test_a_document_without_what_came_later_is_written_as_before_there_was_any() -> None:
    desired, gone = make_desired(), Gone(load_balancer_id="gone", generation=3)
    later = {"secrets", "policies", "rules"}
    assert list(document()) == [each.name for each in fields(Desired) if each.name not in later | {"edition"}]
    # As it was written before.
    former = {"a": {"generation": 1, "desired": document()}, "b": {"generation": 3, "desired": None}}
    assert pack_answers({"a": desired, "b": gone}) == to_json({"result": former})


def test_secrets_are_named_and_an_agent_that_does_not_know_them_refuses_the_document_by_that_name() -> None:
    desired = make_desired(secrets=(SECRET,))
    written = json.loads(dump_desired(desired))
    assert written["secrets"] == [{"id": "key", "fingerprint": "0" * 64}]
    assert read_desired(written) == load_desired(dump_desired(desired)) == desired
    written["certificates"] = written.pop("secrets")  # as unknown here as ``secrets`` was before
    with pytest.raises(UnknownContent, match="the field certificates is unknown to version"):
        read_desired(written)


def test_a_listener_without_tls_is_written_as_before_there_was_any_and_one_with_it_is_refused_by_name() -> None:
    desired = make_desired()
    assert "tls" not in json.loads(dump_desired(desired))["listeners"][0]
    secure = replace(desired.listeners[0], protocol=ListenerProtocol.TERMINATED_HTTPS, tls=a_tls(hsts_max_age=5))
    desired = replace(desired, listeners=(*desired.listeners, replace(secure, id="secure")))
    written = json.loads(dump_desired(desired))
    assert ["tls" in each for each in written["listeners"]] == [False] * (len(desired.listeners) - 1) + [True]
    assert read_desired(written) == desired
    assert load_desired(dump_desired(desired)) == desired
    written["listeners"][-1]["tls"]["later"] = True
    with pytest.raises(UnknownContent, match=r"the field listeners\.1\.tls\.later is unknown"):
        read_desired(written)


def test_what_came_later_to_tls_is_written_where_it_is_said() -> None:
    desired = make_desired()
    secure = replace(desired.listeners[0], protocol=ListenerProtocol.TERMINATED_HTTPS, tls=a_tls())
    assert not any(name.startswith("client_") for name in written_tls(replace(desired, listeners=(secure,))))
    asking = a_tls(client_authentication=ClientAuthentication.OPTIONAL, client_authorities=some_authorities())
    desired = replace(desired, listeners=(replace(secure, tls=asking),))
    later = [name for name in written_tls(desired) if name.startswith("client_")]
    assert later == ["client_authentication", "client_authorities"]
    assert read_desired(json.loads(dump_desired(desired))) == load_desired(dump_desired(desired)) == desired


def written_tls(desired: Desired) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(dump_desired(desired))["listeners"][0]["tls"]
    return parsed


def test_a_pool_without_tls_is_written_as_before_there_was_any_and_one_with_it_comes_back() -> None:
    desired = make_desired()
    assert ["tls" in each for each in document()["pools"]] == [False] * len(desired.pools)
    tls = PoolTls(authorities=some_authorities(), alpn=(AlpnProtocol.HTTP_2, AlpnProtocol.HTTP_1_1))
    desired = replace(desired, pools=(replace(desired.pools[0], tls=tls), *desired.pools[1:]))
    assert read_desired(json.loads(dump_desired(desired))) == load_desired(dump_desired(desired)) == desired


def test_nothing_of_lbaas_v1_travels() -> None:
    named = re.findall(r'"(\w+)": ', json.dumps(TypeAdapter(Desired).json_schema()))
    assert {"listeners", "default_pool_id", "session_persistence"} <= set(named)
    assert [name for name in named if name.lower().startswith(("v1", "template"))] == []


def test_what_version_1_said_of_lbaas_v1_is_passed_over() -> None:
    kept, desired = json.loads(document_of_version_1()), make_desired(monitors=(monitor(),))
    assert load_desired(json.dumps(kept).encode()) == desired
    assert read_desired(kept, version=1) == desired
    with pytest.raises(UnknownContent, match=r"the field listeners\.0\.v1 is unknown to version"):
        read_desired(kept)


def test_a_document_on_disk_of_an_earlier_version_is_read() -> None:
    kept = document()
    del kept["load_balancer"]["incarnation"], kept["listeners"][0]["allowed_cidrs"]  # that it did not have yet
    kept["listeners"][0]["since_retired"] = True
    assert load_desired(json.dumps(kept).encode()) == make_desired()


@pytest.mark.parametrize(
    ("path", "field", "value", "named"),
    [
        ((), "keys", [], "the field keys is unknown to version"),
        (("listeners", 0), "tls_versions", ["1.3"], "the field listeners.0.tls_versions is unknown to version"),
        (("listeners", 0), "protocol", "QUIC", "the value 'QUIC' of listeners.0.protocol is unknown to version"),
        (("pools", 0), "algorithm", "MAGLEV", "the value 'MAGLEV' of pools.0.algorithm is unknown to version"),
        (("port",), "mtu", "many", "port.mtu: "),
    ],
)
def test_what_a_later_version_says_is_refused_by_name(
    path: tuple[str | int, ...], field: str, value: object, named: str
) -> None:
    sent = document()
    place: Any = sent
    for step in path:
        place = place[step]
    place[field] = value
    for version in (PAYLOAD_VERSION, PAYLOAD_VERSION + 1):
        with pytest.raises(UnknownContent, match=named):
            read_desired(sent, version=version)


def test_what_an_earlier_version_still_says_is_passed_over() -> None:
    sent = document()
    sent["listeners"][0]["since_retired"] = True
    assert read_desired(sent, version=PAYLOAD_VERSION - 1) == make_desired()
    with pytest.raises(UnknownContent, match="protocol"):
        read_desired(sent | {"listeners": [sent["listeners"][0] | {"protocol": "QUIC"}]}, version=PAYLOAD_VERSION - 1)


@pytest.mark.parametrize("sent", [None, [], "x", {}])
def test_what_is_no_document_is_refused(sent: object) -> None:
    with pytest.raises(UnknownContent):
        read_desired(sent)
