"""HAProxy's table of statistics, read again and again: what has no news is not taken apart."""

import pytest

from evenload.host import haproxy_table
from evenload.host.haproxy_table import Table

HEAD = (
    "# pxname,svname,scur,slim,stot,bin,bout,ereq,status,weight,act,bck,lastchg,check_duration,lastsess,"
    "last_chk,check_desc,check_rise,check_health,agent_rise,agent_health,check_status,check_code,"
)


def table(
    *, status: str = "UP", changed: int = 7, duration: int = 0, session: int = 9, said: str = "", out: int = 0
) -> str:
    row = f"b,s,0,,3,50,{out},0,{status},1,1,0,{changed},{duration},{session},{said},,2,3,,,L4CON,,"
    return "\n".join([HEAD, f"f,FRONTEND,0,100,3,50,{out},0,OPEN,,,,,,,,,,,,,,,", row])


@pytest.fixture
def taken_apart(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers that were taken apart wholly."""
    found: list[str] = []
    whole = haproxy_table._table

    def noted(answer: str):  # type: ignore[no-untyped-def]
        found.append(answer)
        return whole(answer)

    monkeypatch.setattr(haproxy_table, "_table", noted)
    return found


def test_what_moves_by_itself_is_no_news(taken_apart: list[str]) -> None:
    read = Table()
    rows = read.read(table())
    assert [row.status for row in rows] == ["OPEN", "UP"]
    for second in range(1, 50):
        assert read.read(table(changed=7 + second, duration=second % 3, session=9 + second)) is rows
    assert taken_apart == [table()]


@pytest.mark.parametrize("news", [{"status": "DOWN"}, {"out": 1}, {"said": "refused"}, {"said": '"no, not now"'}])
def test_news_are_found_and_the_rest_stays(taken_apart: list[str], news: dict[str, str | int]) -> None:
    read = Table()
    rows = read.read(table())
    other = read.read(table(**news))  # type: ignore[arg-type]
    assert other is not rows
    assert other[1] != rows[1]
    assert (other[0] is rows[0]) is ("out" not in news)
    assert read.read(table(changed=8, **news)) is other  # type: ignore[arg-type]
    back = read.read(table(changed=9))
    assert [(row.status, row.statistics, row.reason) for row in back] == [
        (row.status, row.statistics, row.reason) for row in rows
    ]


def test_what_lacks_a_column_that_moves_is_read_all_the_same() -> None:
    """As an older HAProxy's."""
    read = Table()
    without = table().replace(",lastsess", "").replace(",9,,,", ",,,")
    assert [row.status for row in read.read(without)] == ["OPEN", "UP"]


@pytest.mark.parametrize("answer", ["", "Unknown command", HEAD + "\nf,FRONTEND"])
def test_no_table(answer: str) -> None:
    read = Table()
    for _ in range(2):
        with pytest.raises(ValueError, match="table"):
            read.read(answer)
