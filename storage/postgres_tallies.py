"""The tallies as PostgreSQL keeps them: triggers, as on SQLite."""

from __future__ import annotations

from storage.schema_nps import INDEXES
from storage.tallies import KEYS, TABLE, counts, facts

_NAMES = ", ".join(KEYS)
_ADD = f"""
INSERT INTO tallies ({_NAMES}, mentions, value) SELECT {facts("new")}, 1, new.value WHERE {counts("new")}
ON CONFLICT ({_NAMES}) DO UPDATE SET mentions = tallies.mentions + 1, value = tallies.value + excluded.value;"""
_TAKE = f"""
UPDATE tallies SET mentions = mentions - 1, value = value - old.value
WHERE ({_NAMES}) = ({facts("old")}) AND {counts("old")};"""


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"


TALLIES = (
    TABLE,
    *INDEXES,
    _function("tally_add", _ADD),
    _function("tally_change", _TAKE + _ADD),
    "CREATE TRIGGER tally_new AFTER INSERT ON mentions FOR EACH ROW EXECUTE FUNCTION tally_add()",
    """
CREATE TRIGGER tally_changed AFTER UPDATE OF matched, at, source, genre, language, scorer, left_out, label, unscored,
    value ON mentions FOR EACH ROW EXECUTE FUNCTION tally_change()""",
)
