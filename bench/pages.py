"""A page of a hundred of ten thousand load balancers against the same page of a hundred, by two services that are
asked in turn: a machine's speed changes from one minute to the next by more than what is looked for.
"""

import random
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import create_engine, text

from bench.rows import percentile, ratios
from bench.service import LBAAS, Api

PAGE = 100
MANY = 10_000
_LOOKS = 21
_TIMES = 10
_STEP = 1000
"""As many as the API gives at once."""
_FIELDS = (
    *("id", "name", "description", "project_id", "admin_state_up", "provider", "provisioning_status"),
    *("operating_status", "created_at", "updated_at", "vip_address", "vip_subnet_id", "vip_network_id"),
    *("vip_port_id", "flavor_id", "availability_zone"),
)
_ORDERS = ("", *(f"&sort={name}{direction}" for name in _FIELDS for direction in ("", ":desc")))
_RANDOM = random.Random(1)
_LIST = f"{LBAAS}/loadbalancers"


def multiply(url: str) -> None:
    """Rows of load balancers like the first one's, in the database itself: to ask for them all would take minutes."""
    engine = create_engine(url)
    with engine.begin() as connection:
        first = connection.execute(text("SELECT * FROM load_balancers ORDER BY position LIMIT 1")).mappings().one()
        there = connection.execute(text("SELECT count(*) FROM load_balancers")).scalar_one()
        names = [name for name in first if name != "position"]
        rows = [{**{name: first[name] for name in names}, **_other(number)} for number in range(MANY - there)]
        columns = ", ".join(names)
        values = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO load_balancers ({columns}) VALUES ({values})"), rows)
        if engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE load_balancers"))
    engine.dispose()


def _other(number: int) -> Mapping[str, Any]:
    identifier, port = (str(uuid.UUID(int=_RANDOM.getrandbits(128))) for _ in range(2))
    return {
        "id": identifier,
        "port_id": port,
        "name": f"m{_RANDOM.randrange(10**6):06}",
        "vip_address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        "created_at": f"2026-01-{1 + number % 28:02} 10:00:00.{number:06}",
    }


def compare(few: Api, many: Api, mine: str, theirs: str) -> dict[str, float]:
    """By what is asked for, the time of the page of many to that of a few. ``mine``, ``theirs``: of each a load
    balancer, by whose values is filtered."""
    found = {}
    for asked_few, asked_many in _pairs(few, many, mine, theirs):
        found[asked_many] = _ratio(few, many, f"{_LIST}?limit={PAGE}{asked_few}", f"{_LIST}?limit={PAGE}{asked_many}")
    return found


def ask_all(api: Api, mine: str) -> None:
    """Every filter and every order, some times each: what is made once for each of them is made then."""
    one = api.send("GET", f"{_LIST}/{mine}")["loadbalancer"]
    filters = [f"&{name}={one[name]}" for name in _FIELDS if one[name] is not None]
    for asked in (*_ORDERS, *filters):
        for _ in range(_TIMES):
            api.send("GET", f"{_LIST}?limit={PAGE}{asked}")


def _pairs(few: Api, many: Api, mine: str, theirs: str) -> Iterator[tuple[str, str]]:
    """Every filter and every order, and of each order the pages around the one in the middle."""
    one, other = (api.send("GET", f"{_LIST}/{name}")["loadbalancer"] for api, name in ((few, mine), (many, theirs)))
    for name in _FIELDS:
        if one[name] is not None and other[name] is not None:
            yield f"&{name}={one[name]}", f"&{name}={other[name]}"
    for order in _ORDERS:
        yield order, order
        marker = f"{order}&marker={_middle(many, order)}"
        yield order, marker
        yield order, f"{marker}&page_reverse=True"


def _middle(api: Api, order: str) -> str:
    marker = ""
    for _ in range(MANY // 2 // _STEP):
        page = api.send("GET", f"{_LIST}?limit={_STEP}&fields=id{order}{marker}")["loadbalancers"]
        identifier = page[-1]["id"]
        marker = f"&marker={identifier}"
    return str(identifier)


def _ratio(few: Api, many: Api, path_few: str, path_many: str) -> float:
    """Of the times in turn, the one in the middle. Raises RuntimeError where one page has more to show."""
    shown = [len(api.send("GET", path)["loadbalancers"]) for api, path in ((few, path_few), (many, path_many))]
    if shown[0] != shown[1]:
        raise RuntimeError(f"{path_few} shows {shown[0]} load balancers, {path_many} {shown[1]}")
    pages, whole = [], []
    for _ in range(_LOOKS):
        whole.append(_look(few, path_few))
        pages.append(_look(many, path_many))
    return percentile(ratios(pages, whole), 50)


def _look(api: Api, path: str) -> float:
    begun = time.monotonic_ns()
    api.send("GET", path)
    return (time.monotonic_ns() - begun) / 1e6
