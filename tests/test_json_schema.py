"""What `listener nps --json` and `listener report --json` print is what the README's tables say, key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listener.nps.estimate import Gate
from listener.report import json as as_json
from listener.report.build import Report, build
from listener.report.gather import Known
from storage.records_nps import Told
from storage.sqlite import SqliteStore
from tests import eventful
from tests.command import Command
from tests.conftest import NOW
from tests.made import AT, ago, arrival, audit, author, review, run, watch

README = Path(__file__).parents[1] / "README.md"
FIGURE, QUOTE, NPS, PARTS, REPORT = (
    "| key of a figure |",
    "| key of a quote |",
    "`listener nps --json`, and each of `reports`:\n\n| key |",
    "Only `listener nps --by … --json`:\n\n| key |",
    "Only each of `reports`:\n\n| key |",
)
OPEN = Gate(min_authors=2, max_half_width=100.0, min_coverage=0.0)

KINDS = {"figure": FIGURE, "quote": QUOTE}

Schema = dict[str, str]
"""Path -> type, as the README names both."""


def table(head: str) -> Schema:
    """The rows of the table that begins with `head`; a row may name several keys."""
    rows = README.read_text(encoding="utf-8").partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    assert rows, head
    cells = [[cell.strip() for cell in row.split("|")[1:3]] for row in rows]
    return {path: type_ for paths, type_ in cells for path in re.findall(r"`([^`]+)`", paths)}


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(type(number) is int for number in value.values())


CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "time": _is_time,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "object of integers": _counts,
    "object of numbers": lambda value: isinstance(value, dict) and all(type(one) is float for one in value.values()),
    "object of strings": lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
    "object of objects of integers": lambda value: isinstance(value, dict) and all(map(_counts, value.values())),
}


def compare(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """The paths of `schema` that `value` has; fails at one that is not in it, or is of another type."""
    path = path.replace("promoters[]", "detractors[]")
    if (type_ := schema.get(path)) is not None:
        yield path
        if type_ in KINDS:
            assert set(compare(value, table(KINDS[type_]))) == set(table(KINDS[type_])), path
            return
        assert any(CHECKS[one](value) for one in type_.split(" or ")), f"{path} is no {type_}: {value!r}"
    if isinstance(value, dict) and any(known.startswith(f"{path}.*") for known in schema):
        for inner in value.values():
            yield from compare(inner, schema, f"{path}.*")
    elif isinstance(value, dict) and (type_ is None or type_.startswith("object or")):
        for key, inner in value.items():
            yield from compare(inner, schema, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and (type_ is None or any(known.startswith(f"{path}[]") for known in schema)):
        for inner in value:
            yield from compare(inner, schema, f"{path}[]")
    else:
        assert type_ is not None, f"{path} is not in the README"


# -- reports with everything, and with nothing, in them


def _eventful(store: SqliteStore) -> Report:
    """Two windows of 14 days with a figure each, a story told twice, an audit, a quarantined author and a change."""
    page = [
        arrival(str(number), handle=handle, label=label, at=ago(days=days), rating=4.0, rating_scale=5.0)
        for number, (handle, label, days) in enumerate(
            [
                *[("ann", "promoter", 16), ("bob", "detractor", 17), ("ann", "promoter", 2), ("bob", "promoter", 3)],
                *[("cid", "detractor", 4), ("troll", "detractor", 5), ("dan", None, 6)],
            ]
        )
    ]
    store.sync_watches([watch("blogs"), watch("forum")])
    store.finish_run(run(watch("blogs")), AT)
    store.add_page(page, AT)
    store.add_stories([Told(one.post.id, page[2].post.id) for one in page[2:4]], [])
    store.set_standing(author("troll").id, "quarantined")
    store.add_audit(*audit(page[2]))
    store.add_reviews([review(page[2], "passive", sampled_by="audit", inclusion_prob=1.0)])
    for days, sources in ((30, "blogs"), (1, "blogs, forum")):
        store.note("Acme", {"sources": sources}, ago(days=days))
    eventful.fill(store)
    return _report(store)


def _report(store: SqliteStore, brand: str = "Acme") -> Report:
    known = eventful.KNOWN if brand == "Acme" else Known()
    return build(store, brand, NOW - timedelta(days=14), NOW, UTC, OPEN, known=known)


def _reports(store: SqliteStore) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(as_json.render([_eventful(store), _report(store, "Nobody's")]))["reports"]
    return told


def test_a_report_has_the_keys_and_types_of_the_readme_and_no_others(store: SqliteStore) -> None:
    schema = table(NPS) | table(REPORT)
    full, empty = (set(compare(told, schema)) for told in _reports(store))
    assert full == set(schema)
    assert empty < full


def test_the_top_of_a_report_is_what_nps_prints(store: SqliteStore) -> None:
    report = _eventful(store)
    told = as_json.head(report) | as_json.numbers(report.measured, report.sources, report.undated)
    assert set(compare(told, table(NPS))) == set(table(NPS))
    assert told.items() <= as_json.as_dict(report).items()


def test_what_the_readme_names_has_those_types_even_where_there_is_nothing(store: SqliteStore) -> None:
    always = set(compare(_reports(store)[1], table(NPS) | table(REPORT)))
    optional = {
        path
        for path in table(NPS) | table(REPORT)
        if re.search(r"\[\]|\*|net_by_source|definitions\.|share_of_voice\.", path)
    }
    assert always >= set(table(NPS) | table(REPORT)) - optional


# -- the command


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    made = Command(tmp_path_factory.mktemp("nps"))
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    row = {"id": "1", "text": "Acme is great, I love it.", "author": "ann", "published_at": hour_ago}
    assert made("import", made.file("archive.jsonl", json.dumps(row) + "\n")).code == 0
    return made


@pytest.mark.parametrize("by", ["source", "week", "language"])
def test_the_command_prints_what_the_readme_says(command: Command, by: str) -> None:
    alone, parted = command("nps", "--json").json, command("nps", "--since", "14d", "--json", "--by", by).json
    without_sources = {path for path in table(NPS) if "*" not in path}
    assert set(compare(alone, table(NPS))) == without_sources
    parts = {path for path in table(PARTS) if path in ("by", "parts[].mentions", "parts[].inps", "parts[].net")}
    assert set(compare(parted, table(NPS) | table(PARTS))) == without_sources | parts | {f"parts[].{by}"}
    assert parted["parts"]
