"""What tests of workers begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.faults.crew import Feeds


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database on PostgreSQL."""
    with postgres.database(postgres.server()) as url:
        yield url


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as feeds:
        yield feeds
