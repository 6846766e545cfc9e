"""Which database may say what a host is to have."""

import pytest

from evenload.model.registration import Registration, is_foreign

HELD = ("lb-1", "lb-2")


@pytest.mark.parametrize(
    ("registration", "known", "foreign"),
    [
        (Registration(), False, False),
        (Registration(database="other"), False, False),  # nothing is on the host
        (Registration(database="ours", load_balancers=HELD), False, False),  # put back to an earlier state
        (Registration(database="other", load_balancers=HELD), True, True),
        (Registration(database="other", load_balancers=HELD), False, True),
        (Registration(load_balancers=HELD), True, False),  # of a version that wrote nothing down
        (Registration(load_balancers=HELD), False, True),
        (Registration(database="other", load_balancers=HELD, adopt=True), False, False),
        (Registration(database="ours", started=False), False, False),
        (Registration(database="other", started=False), False, True),  # what is on the host may have come since
        (Registration(database="other", started=False, load_balancers=HELD), True, True),
    ],
)
def test_a_database_that_would_have_everything_removed_is_foreign(
    registration: Registration, known: bool, foreign: bool
) -> None:
    assert is_foreign("ours", registration, known=known) is foreign
