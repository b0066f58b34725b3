"""Who may connect to the local server when many do."""

import pytest

from pitboard.local.limits import MOST_AN_ADDRESS, Door, group


class Visitor:
    """A connection as the door sees it."""

    def __init__(self, address="192.0.2.1"):
        self.group = group(address)
        self.ended = ""

    def end(self, code, *, at_once=False):
        self.ended = code


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def door(now):
    return Door(most=300, clock=lambda: now[0])


def test_an_address_has_a_bound_of_its_own_and_others_do_not_feel_it(door):
    crowd = [Visitor() for _ in range(MOST_AN_ADDRESS + 5)]
    assert [door.enter(visitor) for visitor in crowd] == [True] * MOST_AN_ADDRESS + [False] * 5
    assert door.enter(Visitor("192.0.2.2"))
    door.leave(crowd[0])
    assert door.enter(Visitor())


def test_a_network_of_ipv6_counts_as_one_address(door):
    crowd = [Visitor(f"2001:db8::{n:x}") for n in range(MOST_AN_ADDRESS + 1)]
    assert [door.enter(visitor) for visitor in crowd].count(False) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine_where_a_proxy_may_stand_has_all_connections(door, address):
    assert all(door.enter(Visitor(address)) for _ in range(300))


def test_who_waits_longest_makes_room(door, now):
    crowd = []
    for n in range(300):
        now[0] += 1
        crowd.append(Visitor(f"192.0.2.{n}"))
        assert door.enter(crowd[-1])
    door.serve(crowd[0])
    assert door.enter(Visitor("127.0.0.1"))
    assert [visitor.ended for visitor in crowd[:3]] == ["", "crowded", ""]


def test_nobody_is_let_in_while_all_are_being_answered(door):
    crowd = [Visitor(f"192.0.2.{n}") for n in range(300)]
    for visitor in crowd:
        door.enter(visitor)
        door.serve(visitor)
    assert not door.enter(Visitor("127.0.0.1"))
    door.wait(crowd[7])
    assert door.enter(Visitor("127.0.0.1"))


def test_who_is_late_is_closed_and_who_does_not_go_is_cut_off(door, now):
    slow, stuck = Visitor(), Visitor()
    door.enter(slow)
    door.enter(stuck)
    door.serve(stuck)
    now[0] += 11
    door.sweep()
    assert (slow.ended, stuck.ended) == ("head_too_slow", "")
    now[0] += 50
    door.sweep()
    assert stuck.ended == "answer_not_taken"
