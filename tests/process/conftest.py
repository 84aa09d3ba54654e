"""A spawner for each test."""

from collections.abc import AsyncIterator

import pytest

from errandry.execution.spawner import Spawner


@pytest.fixture
async def spawner() -> AsyncIterator[Spawner]:
    async with Spawner() as spawner:
        yield spawner
