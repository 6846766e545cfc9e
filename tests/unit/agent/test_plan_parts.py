"""How the parts of several engines become one plan: their files come first, and go last."""

from evenload.agent.actions import Part, RemoveFiles, StartHaproxy, StopHaproxy, WriteFiles
from evenload.agent.plan import unite
from evenload.model.desired import Change
from evenload.model.named_file import NamedFile
from evenload.model.observed import HaproxyObserved, NetworkObserved
from evenload.model.secret import SecretBytes

OLD, KEPT, NEW = (NamedFile(SecretBytes(content)) for content in (b"old", b"kept", b"new"))
START, STOP = StartHaproxy("text", 1), StopHaproxy()


def network(change: Change = Change.NOTHING, files: tuple[NamedFile, ...] = ()) -> Part[NetworkObserved]:
    return Part(actions=(STOP,), change=change, after=NetworkObserved(), files=files)


def haproxy(files: tuple[NamedFile, ...] = (), kept: frozenset[str] = frozenset()) -> Part[HaproxyObserved]:
    return Part(actions=(START,), change=Change.RELOAD, after=HaproxyObserved(), files=files, kept=kept)


def test_parts_come_in_order_and_the_strongest_change_names_the_plan() -> None:
    united = unite(frozenset(), [network(Change.START), haproxy()])
    assert (united.actions, united.late, united.change) == ((STOP, START), (), Change.START)
    assert unite(frozenset(), [haproxy(), network()]).actions == (START, STOP)


def test_a_new_file_is_written_before_anything_asks_for_it() -> None:
    united = unite(frozenset({OLD.name}), [network(), haproxy((NEW, OLD))])
    assert united.actions == (WriteFiles((NEW,)), STOP, START)
    assert united.files == {NEW.name, OLD.name}


def test_a_file_that_two_engines_name_is_written_once() -> None:
    united = unite(frozenset(), [network(files=(NEW,)), haproxy((NEW,))])
    assert united.actions[0] == WriteFiles((NEW,))


def test_what_no_text_names_goes_last_and_what_a_process_still_works_by_stays() -> None:
    there = frozenset({OLD.name, KEPT.name})
    united = unite(there, [network(), haproxy((NEW,), kept=frozenset({KEPT.name}))])
    assert united.late == (RemoveFiles((OLD.name,)),)
    assert united.files == {NEW.name, KEPT.name}


def test_files_alone_are_a_change_of_files() -> None:
    part = Part(actions=(), change=Change.NOTHING, after=NetworkObserved())
    assert unite(frozenset({OLD.name}), [part]).change is Change.FILE
    assert unite(frozenset(), [part]).change is Change.NOTHING
