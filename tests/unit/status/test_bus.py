"""The bus: who is woken, and what a reader that does not keep up costs."""

import pytest

from errandry.status.bus import MOST_CHANGED, StatusBus
from errandry.tasks.model import Owner

ALICE, BOB = Owner("test:issuer", "alice"), Owner("test:issuer", "bob")


@pytest.fixture
def bus() -> StatusBus:
    return StatusBus()


async def test_who_waits_for_a_task_is_woken_by_it_and_by_no_other(bus: StatusBus) -> None:
    with bus.subscribe(["tsk_1", "tsk_2"]) as subscription:
        bus.publish("tsk_3", ALICE)
        assert not await subscription.wait(0)
        bus.publish("tsk_2", ALICE)
        assert await subscription.wait(0)
        assert not await subscription.wait(0)


async def test_an_owner_hears_of_its_own_tasks_and_an_admin_of_all(bus: StatusBus) -> None:
    with bus.changes(ALICE) as own, bus.changes(None) as every:
        bus.publish("tsk_1", ALICE)
        bus.publish("tsk_2", BOB)
        assert await own.wait(0)
        assert await every.wait(0)
        assert (own.take(), every.take()) == (["tsk_1"], ["tsk_1", "tsk_2"])


async def test_changes_of_one_task_become_one(bus: StatusBus) -> None:
    with bus.changes(ALICE) as changes:
        for _ in range(3):
            bus.publish("tsk_1", ALICE)
        assert changes.take() == ["tsk_1"]
        assert changes.take() == []


async def test_more_changes_than_are_remembered_become_one_word(bus: StatusBus) -> None:
    with bus.changes(ALICE) as changes:
        for number in range(MOST_CHANGED):
            bus.publish(f"tsk_{number}", ALICE)
        assert len(changes.take() or ()) == MOST_CHANGED
        for number in range(3 * MOST_CHANGED):
            bus.publish(f"tsk_{number}", ALICE)
        assert changes.take() is None
        bus.publish("tsk_1", ALICE)
        assert changes.take() == ["tsk_1"]


async def test_nothing_is_left_of_who_has_gone(bus: StatusBus) -> None:
    with bus.changes(ALICE), bus.changes(None), bus.subscribe(["tsk_1"]), bus.subscribe(["tsk_1"]):
        assert bus._subscribers.keys() == {ALICE, None, "tsk_1"}
    assert not bus._subscribers
    bus.publish("tsk_1", ALICE)
    assert not bus._subscribers
