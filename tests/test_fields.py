"""A JSON object of an answer is read field by field: identity is demanded, counts and times are nice to have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadAnswer
from connectors.fields import Fields

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _of(value: Any) -> Fields:
    return Fields({"x": value}, "https://a.example/api", "a hit")


@given(_JSON)
def test_whatever_a_source_sends_is_read_or_refused_in_a_sentence(value: Any) -> None:
    fields = _of(value)
    fields.count("x"), fields.time("x"), fields.flag("x"), fields.texts("x"), fields.reach(points="x")
    for read in (fields.text, fields.key, fields.number, fields.one, lambda name: list(fields.many(name, "an item"))):
        try:
            read("x")
        except BadAnswer as error:
            assert '"x"' in str(error) or "an item" in str(error)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_763_640_000, datetime(2025, 11, 20, 12, tzinfo=UTC)),
        (1_763_640_000_000, datetime(2025, 11, 20, 12, tzinfo=UTC)),
        (1_763_640_000.5, datetime(2025, 11, 20, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-11-20T12:00:00Z", datetime(2025, 11, 20, 12, tzinfo=UTC)),
        (10**400, None),
        (float("nan"), None),
        (True, None),
        ("never", None),
        ([], None),
    ],
)
def test_a_time_is_a_text_or_seconds_or_milliseconds(value: Any, moment: datetime | None) -> None:
    assert _of(value).time("x") == moment


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), ("3", 3), (3.0, 3), (-3, -3), (3.5, None), ("x", None), (True, None), (10**400, None)]
)
def test_a_count_is_whole_or_nothing(value: Any, count: int | None) -> None:
    assert _of(value).count("x") == count


@pytest.mark.parametrize("value", [None, "", 5.0, True, [], "x" * 501])
def test_an_id_is_demanded(value: Any) -> None:
    with pytest.raises(BadAnswer, match='a hit whose "x" is'):
        _of(value).key("x")
