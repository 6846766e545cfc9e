"""All load balancers at a glance, and one by any word for it, out of each kind of database, beside the server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.contract.samples import a_network, a_tree, moment
from tests.databases import KINDS, Databases
from tests.fakes.hints import NotedHints
from tests.sqlite import newest_sqlite

from evenload.main.settings import read_settings
from evenload.main.status.stored import StoredState
from evenload.model.enums import OperatingStatus
from evenload.model.errors import EvenloadError
from evenload.model.tree import Tree
from evenload.store.engine import StoreSettings, open_engine
from evenload.store.unit_of_work import SqlUnitOfWork


class Site:
    def __init__(self, engine: Engine, url: str, directory: Path) -> None:
        self.uow = SqlUnitOfWork(engine, NotedHints())
        config = directory / "evenload.conf"
        config.write_text(f"[DEFAULT]\nstate_path = {directory}/state\n[database]\nconnection = {url}\n")
        self.stored = StoredState(read_settings(["--config-file", str(config)]), None)

    def put(self, *trees: Tree) -> None:
        for tree in trees:
            self.uow.write(lambda at, tree=tree: at.insert_tree(tree))  # type: ignore[misc]

    def candidates(self, word: str) -> list[str]:
        return [each["id"] for each in self.stored.one(word)["candidates"]]


@pytest.fixture(params=["sqlite", *KINDS])
def site(request: pytest.FixtureRequest, tmp_path: Path, databases: Databases) -> Iterator[Site]:
    if request.param in KINDS:
        database = databases.empty(request.param)
        yield Site(database.engine, database.url, tmp_path)
        return
    url = newest_sqlite(tmp_path / "evenload.db")
    engine = open_engine(StoreSettings(url=url))
    yield Site(engine, url, tmp_path)
    engine.dispose()


def down(tree: Tree, count: int) -> Tree:
    members = list(tree.members.values())[:count]
    error = OperatingStatus.ERROR
    return tree.with_records(replace(each, operating_status=error, operating_reason="refused") for each in members)


def test_a_line_has_what_is_to_be_seen_at_a_glance(site: Site) -> None:
    broken, alone = down(a_tree(members=3, name="b", fault="no room"), 2), a_tree(members=0, name="a")
    unhosted = a_tree(name="none")
    item = replace(unhosted.load_balancer.item, port_id=None, network_id=None, vips=())
    site.put(broken, alone, replace(unhosted, load_balancer=replace(unhosted.load_balancer, item=item)))
    site.uow.write(lambda at: at.insert_agent("host-1", moment(5), "zone-1"))
    answer = site.stored.overview()
    assert [line["name"] for line in answer["load_balancers"]] == ["a", "b"]
    assert answer["load_balancers"][0]["members"] == {}
    line = answer["load_balancers"][1]
    first = next(iter(broken.members.values()))
    assert line["members"] == {"ERROR": 2, "OFFLINE": 1}
    assert line["down"] == {
        "id": first.id, "name": first.name, "address": first.item.address, "port": first.item.port, "reason": "refused",
    }  # fmt: skip
    assert (line["vip"], line["hosts"], line["fault"]) == ("10.0.0.5", ["host-1"], "no room")
    assert line["changed_at"] == line["since"] == moment(0).isoformat()
    [agent] = answer["agents"]
    assert (agent["name"], agent["zone"], agent["load_balancers"]) == ("host-1", "zone-1", 3)
    assert agent["last_word"] == moment(5).isoformat()


def test_one_is_found_by_any_word_for_it(site: Site) -> None:
    tree, other = a_tree(name="shop", policies=1, address="10.0.0.7"), a_tree(name="other")
    network = replace(a_network(), name="front")
    item = replace(tree.load_balancer.item, network_id=network.id)
    tree = tree.with_record(replace(tree.load_balancer, item=item))
    site.uow.write(lambda at: at.insert_network(network))
    site.put(tree, other)
    words = [tree.id, "shop", "10.0.0.7"]
    for children in (tree.listeners, tree.pools, tree.members, tree.monitors, tree.policies, tree.rules):
        words.append(next(iter(children)))
    for word in words:
        assert site.candidates(word) == [tree.id], word
    shown = site.stored.one("shop")["load_balancer"]
    assert (shown["id"], shown["network"], shown["applied_generation"]) == (tree.id, "front", 6)
    assert len(shown["listeners"][0]["policies"][0]["rules"]) == 1
    assert len(shown["pools"][0]["members"]) == 2
    assert site.stored.one("nothing")["candidates"] == []


def test_a_name_does_not_stand_in_the_place_of_another_ones_address_or_part(site: Site) -> None:
    meant = a_tree(address="10.0.0.9", name="shop")
    listener = next(iter(meant.listeners))
    named = [a_tree(address=f"10.0.0.{number}", name=name) for number, name in enumerate(("10.0.0.9", listener), 1)]
    site.put(meant, *named)
    assert sorted(site.candidates("10.0.0.9")) == sorted([meant.id, named[0].id])
    assert sorted(site.candidates(listener)) == sorted([meant.id, named[1].id])
    site.put(a_tree(address="10.0.0.7", name=meant.id))
    assert site.candidates(meant.id) == [meant.id]


def test_a_word_for_several_is_for_none(site: Site) -> None:
    trees = [a_tree(name="shop"), a_tree(name="shop")]
    site.put(*trees)
    answer = site.stored.one("shop")
    assert [each["id"] for each in answer["candidates"]] == [tree.id for tree in trees]
    assert "load_balancer" not in answer


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    config, database = tmp_path / "evenload.conf", tmp_path / "none.sqlite"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n[database]\nconnection = sqlite:///{database}\n")
    stored = StoredState(read_settings(["--config-file", str(config)]), None)
    with pytest.raises(EvenloadError, match="there is no database yet"):
        stored.overview()
    assert not database.exists()


def test_a_database_of_another_version_is_left_as_it_is(tmp_path: Path) -> None:
    url = newest_sqlite(tmp_path / "evenload.db")
    engine = open_engine(StoreSettings(url=url))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()
    before = (tmp_path / "evenload.db").read_bytes()
    config = tmp_path / "evenload.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n[database]\nconnection = {url}\n")
    with pytest.raises(EvenloadError, match="schema 0001, this version works with"):
        StoredState(read_settings(["--config-file", str(config)]), None).overview()
    assert (tmp_path / "evenload.db").read_bytes() == before
