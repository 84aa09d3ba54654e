"""The nouns agree with each other."""

from typing import get_args

from errandry.tasks.model import FINAL, State, StateName


def test_the_names_of_the_states_are_the_states() -> None:
    assert get_args(StateName) == tuple(State)


def test_three_states_are_final() -> None:
    assert {state for state in State if state.is_final} == FINAL
    assert len(FINAL) == 3
