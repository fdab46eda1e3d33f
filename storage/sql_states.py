"""Statements of what rules remember and look at, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Run
from storage.records_states import RuleLook, RuleState, Snooze
from storage.sql_pull import columns, insert

STATES = f"SELECT {columns(RuleState)} FROM rule_states ORDER BY rule, brand, key"
SET_STATE = insert(
    "rule_states",
    RuleState,
    """ON CONFLICT (rule, brand, key) DO UPDATE SET fired_at = excluded.fired_at, told_until = excluded.told_until,
    lasting = excluded.lasting, acked_at = excluded.acked_at""",
)
LOOKS = f"SELECT {columns(RuleLook)} FROM rule_looks ORDER BY rule, brand"
SET_LOOK = insert("rule_looks", RuleLook, "ON CONFLICT (rule, brand) DO UPDATE SET slot = excluded.slot")
ACK = "UPDATE rule_states SET acked_at = ? WHERE rule = ? AND lasting = 1 AND acked_at IS NULL AND ? IN ('', brand)"
UNACK = "UPDATE rule_states SET acked_at = NULL WHERE rule = ? AND acked_at IS NOT NULL AND ? IN ('', brand)"
SNOOZES = f"SELECT {columns(Snooze)} FROM snoozes WHERE until > ? ORDER BY rule, brand"
SET_SNOOZE = insert("snoozes", Snooze, "ON CONFLICT (rule, brand) DO UPDATE SET until = excluded.until")
WAKE = "DELETE FROM snoozes WHERE rule = ? AND ? IN ('', brand)"

HAS_SPOKEN = "SELECT 1 FROM mentions WHERE voice = ? AND brand = ? AND found_at < ? LIMIT 1"

# The newest are chosen before their texts are read.
COMPLAINTS = """
SELECT m.id, m.post_id, m.voice, m.language, m.source, p.thread, p.story, p.title, p.text
FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.seq IN (
    SELECT c.seq FROM mentions c WHERE c.brand = ? AND c.at >= ? AND c.at < ? AND c.matched = 1 AND c.left_out = ''
        AND c.label = 'detractor' AND c.backfill = 0 AND c.found_at <= ? ORDER BY c.at DESC, c.seq DESC LIMIT ?)
    AND p.deleted_at IS NULL
ORDER BY m.at DESC, m.seq DESC"""
DAYS_SAID = """
SELECT substr(at, 1, 10), substr(found_at, 1, 10), source, COALESCE(label, ''), COUNT(*) FROM mentions
WHERE brand = ? AND at >= ? AND at < ? AND matched = 1 AND left_out = '' AND backfill = 0
GROUP BY substr(at, 1, 10), substr(found_at, 1, 10), source, label"""
RUNS = f"SELECT {columns(Run)} FROM runs WHERE started_at >= ? AND started_at < ? ORDER BY started_at, id"
