import pytest

from evenload.model.ciphers import level_of, reaches


@pytest.mark.parametrize(
    ("ciphers", "level"),
    [("HIGH", None), ("HIGH:@SECLEVEL=3", 3), ("@SECLEVEL=0:ALL:@SECLEVEL=2", 2)],
)
def test_the_last_level_of_a_list_holds(ciphers: str, level: int | None) -> None:
    assert level_of(ciphers) == level


@pytest.mark.parametrize(
    ("key", "highest"),
    [
        ("RSA 1023", 0),
        ("RSA 1024", 1),
        ("RSA 2048", 2),
        ("RSA 3072", 3),
        ("RSA 4096", 3),
        ("RSA 8192", 4),
        ("EC secp224r1", 2),
        ("EC secp256r1", 3),
        ("EC secp384r1", 4),
        ("EC secp521r1", 5),
        ("Ed25519", 3),
        ("Ed448", 4),
    ],
)
def test_the_highest_level_that_a_key_reaches(key: str, highest: int) -> None:
    assert [level for level in range(6) if reaches(key, level)] == list(range(highest + 1))
