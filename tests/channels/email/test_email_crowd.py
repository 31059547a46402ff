"""How many may bring mail at once, and how much."""

from channels.email.crowd import Crowd


def test_who_comes_on_top_is_not_let_in_until_another_leaves() -> None:
    crowd = Crowd(most=3, most_of_one=2, most_bytes=10)

    assert [crowd.enter(one) for one in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")] == [
        True,
        True,
        False,  # the third of one
        True,
        False,  # the fourth of all
    ]
    assert crowd.is_dense
    crowd.leave("192.0.2.1")
    assert not crowd.is_dense
    assert crowd.enter("192.0.2.3")


def test_half_of_an_ipv6_address_is_one_sender_and_this_machine_is_none() -> None:
    crowd = Crowd(most=10, most_of_one=1, most_bytes=10)

    assert crowd.enter("2001:db8::1")
    assert not crowd.enter("2001:db8::ffff")
    assert crowd.enter("2001:db8:0:1::1")
    assert crowd.enter("fe80::1%eth0")
    assert [crowd.enter("") for _ in range(3)] == [True, True, True]


def test_there_is_room_for_so_many_bytes_and_what_was_released_is_free_again() -> None:
    crowd = Crowd(most=1, most_of_one=1, most_bytes=10)

    assert (crowd.hold(8), crowd.hold(3), crowd.hold(2)) == (True, False, True)
    crowd.release(8)

    assert crowd.hold(8)
