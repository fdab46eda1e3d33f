"""The shapes of what the API takes and gives, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from listener.audits import ANSWERS
from listener.desk.work import ACTIONS
from storage.records_desk import State

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MENTION_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{20}-[0-9a-f]{12}$"}


def _object(properties: Mapping[str, Schema], *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _list(of: str) -> Schema:
    return {"type": "array", "items": ref(of)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_FLAG: Schema = {"type": "boolean"}
_OR_TEXT: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_OR_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_OR_NUMBER: Schema = {"type": ["number", "null"]}
_ANYTHING: Schema = {"type": "object"}
_MENTION: Mapping[str, Schema] = {
    "id": MENTION_ID,
    "brand": TEXT,
    "source": TEXT,
    "genre": TEXT,
    "url": {"type": "string", "description": "empty where it is not http or https"},
    "title": TEXT,
    "text": TEXT,
    "author": TEXT,
    "reach": {"type": ["integer", "null"]},
    "rating": _OR_NUMBER,
    "rating_scale": _OR_NUMBER,
    "at": _OR_TIME,
    "found_at": _TIME,
    "edited_at": _OR_TIME,
    "deleted_at": _OR_TIME,
    "blind": {
        "type": "boolean",
        "description": "drawn by chance for a person to label, who must not know what the machine thinks: until then "
        "label, labelled_by, confidence, language, unscored, seen and a flagged case are null",
    },
    "label": {"enum": [*ANSWERS, None]},
    "labelled_by": {"type": ["string", "null"], "description": "a person, or `machine`"},
    "confidence": _OR_NUMBER,
    "language": _OR_TEXT,
    "unscored": _OR_TEXT,
    "case": {"anyOf": [ref("Case"), {"type": "null"}]},
    "seen": {"type": ["string", "null"], "description": "names what it is now; see Act"},
}
_HEAD = {"brand": TEXT, "since": _TIME, "until": _TIME, "timezone": TEXT}

SCHEMAS: Mapping[str, Schema] = {
    "Mentions": _object({"mentions": _list("Mention"), "after": TEXT}),
    "Mention": _object(_MENTION),
    "WholeMention": _object(
        {
            **_MENTION,
            "why": {"type": "array", "items": TEXT},
            "by": {"type": ["object", "null"]},
            **{name: {"type": "array", "items": _ANYTHING} for name in ("scores", "events", "revisions")},
            "reviews": _list("Review"),
            **{name: _list("Mention") for name in ("by_author", "in_thread", "alike")},
        }
    ),
    "Case": _object(
        {
            "state": {"enum": [*get_args(State)]},
            "assignee": TEXT,
            "due_at": _OR_TIME,
            "overdue": _FLAG,
            "answered_at": _OR_TIME,
            "thanked_at": _OR_TIME,
            "snoozed_until": _OR_TIME,
            "claimed_by": TEXT,
        }
    ),
    "Act": _object(
        {
            "action": {"enum": [*ACTIONS]},
            "value": {
                "type": "string",
                "description": "of label: the label; assign: whom, empty oneself; snooze: how long, as 1d; note: the "
                "note; undo: the id of the event, empty the last",
            },
            "seen": {"type": "string", "description": "`seen` of the mention: refused if it has changed since then"},
        },
        *("value", "seen"),
    ),
    "Label": _object({"mention_id": MENTION_ID, "label": {"enum": [*ANSWERS]}}),
    "Done": _object({"done": TEXT, "mention": ref("Mention")}),
    "Reviews": _object({"reviews": _list("Review"), "after": TEXT}),
    "Review": _object(
        {
            "brand": TEXT,
            "id": TEXT,
            "mention_id": MENTION_ID,
            "label": {"enum": [*ANSWERS]},
            "reviewer": TEXT,
            "reviewed_at": _TIME,
            "sampled_by": {"enum": ["flag", "audit", "free"]},
            "inclusion_prob": _OR_NUMBER,
            "audit_id": _OR_TEXT,
            "undone_at": _OR_TIME,
        }
    ),
    "Report": _object({**_HEAD, "inps": _ANYTHING, "detractors": {"type": "array"}, "promoters": {"type": "array"}}),
    "Nps": _object({**_HEAD, "inps": _ANYTHING, "net": _ANYTHING, "coverage": _ANYTHING}),
    "Sources": _object({"sources": _list("Source")}),
    "Source": _object({"source": TEXT, "state": TEXT, "reason": TEXT, "failing": _FLAG}),
    "Document": _ANYTHING,
    "Error": _object({"error": TEXT}),
}
