"""The agent's numbers, told when the server asks."""

import queue
import threading

from tests.waiting import NET

from evenload.main.teller import Teller
from evenload.model.errors import ServerUnavailable
from evenload.model.numbers import AgentNumbers
from evenload.threads import Faults


def test_each_question_is_answered_also_after_one_that_could_not_be() -> None:
    told: queue.Queue[AgentNumbers] = queue.Queue()
    attempts = iter(range(100))
    failed, faults = [threading.Event(), threading.Event()], Faults()

    def gather() -> AgentNumbers:
        number = next(attempts)
        if number == 1:
            failed[1].set()
            raise KeyError("a fault")
        return AgentNumbers(version=str(number))

    def tell(numbers: AgentNumbers) -> None:
        if numbers.version == "0":
            failed[0].set()
            raise ServerUnavailable("it is away")
        told.put(numbers)

    teller = Teller(gather, tell, faults)
    teller.start()
    try:
        for event in failed:
            teller.ask()
            assert event.wait(NET)
        teller.ask()
        assert told.get(timeout=NET).version == "2"
        assert faults.counts == {"numbers": 1}
    finally:
        teller.stop()
    assert told.empty()
