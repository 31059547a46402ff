"""What a caller may have instead of waiting: which keys count, and which numbers we call."""

import pytest

from channels.phone.holding import callable_number
from channels.phone.offers import Choice, Offers

EVERYTHING = Offers(callback=True, voicemail=True, text=True)


@pytest.mark.parametrize(
    ("offers", "key", "choice"),
    [
        (EVERYTHING, "1", Choice.CALLBACK),
        (EVERYTHING, "2", Choice.VOICEMAIL),
        (EVERYTHING, "3", Choice.TEXT),
        (EVERYTHING, "4", None),
        (EVERYTHING, "#", None),
        (EVERYTHING, "", None),
        (EVERYTHING, "11", None),
        (Offers(callback=True), "2", None),
        (Offers(voicemail=True), "1", None),
        (Offers(), "3", None),
    ],
)
def test_a_key_counts_for_what_is_offered(offers: Offers, key: str, choice: Choice | None) -> None:
    assert offers.chosen(key) is choice


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("5145550177", "+15145550177"),
        ("15145550177", "+15145550177"),
        ("4165550177", "+14165550177"),  # another province
        ("9005550177", None),  # premium
        ("011442079460000", None),  # abroad
        ("5145550", None),
        ("911", None),
        ("", None),
        ("*#*#", None),
        ("9" * 32, None),
    ],
)
def test_a_number_that_somebody_types_is_called_if_it_is_an_ordinary_one_of_our_country(
    keys: str, number: str | None
) -> None:
    assert callable_number(keys, "+15145550100") == number
