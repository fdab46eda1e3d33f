"""The shared SQL says the same in PostgreSQL's words."""

from __future__ import annotations

import pytest

from storage.postgres_dialect import translated


@pytest.mark.parametrize(
    "shared, ours",
    [
        ("SELECT ? WHERE a = ?", "SELECT %s WHERE a = %s"),
        ("WHERE t LIKE '%?' AND u LIKE ?", "WHERE t LIKE '%%?' AND u LIKE %s"),
        ("WHERE t = 'it''s ? %' AND 5 % 2 = ?", "WHERE t = 'it''s ? %%' AND 5 %% 2 = %s"),
        ("WHERE +m.brand = ? AND +at >= ? GROUP BY +c.brand", "WHERE m.brand = %s AND at >= %s GROUP BY c.brand"),
        ("WHERE s.seq + 0 <= ? AND a +b > 1+c", "WHERE s.seq + 0 <= %s AND a +b > 1+c"),
        ("SELECT kind || ' ' || thread || '-'", "SELECT kind || ' ' || thread || '-'"),
        ("m.id >= p.id || '-' AND m.id < p.id || '.' AND m.seq > ?", "m.post_id = p.id AND m.seq > %s"),
        ("c.mention_id >= p.id || '-' AND c.mention_id < p.id || '.'", "SUBSTR(c.mention_id, 1, 20) = p.id"),
        ("m.id >= p.id || '-' AND m.id < q.id || '.'", "m.id >= p.id || '-' AND m.id < q.id || '.'"),
    ],
)
def test_hints_for_the_other_planner_are_taken_out_and_the_rest_stays(shared: str, ours: str) -> None:
    assert translated(shared) == ours
