"""The desk for programs: tokens, JSON, feeds, figures for monitoring, and whether it is alive."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from listener.desk.api_access import new_token, token_id
from listener.desk.api_schemas import SCHEMAS
from listener.desk.api_spec import OPERATIONS, document
from listener.desk.app import ENTRIES
from listener.desk.urgency import flagged
from listener.report import json as as_json
from storage.errors import StoreBusy, StoreError
from storage.records import Arrival, stamp
from storage.records_desk import Role, View
from storage.records_tokens import Token
from tests.command import ACME, Command
from tests.conftest import NOW
from tests.desk import DeskAt
from tests.made import ago, alert, arrival, audit, review, run, watch

FEED = ACME + '[[sources]]\ntype = "feed"\nname = "blogs"\nurl = "https://blog.example/feed"\ninterval = "30m"\n'
READING = [one for one in OPERATIONS if one.method == "GET"]
CHANGING = [one for one in OPERATIONS if one.method != "GET"]
NOBODY = "0" * 20 + "-" + "0" * 12
MACHINES = re.compile(r"detractor|-0\.5|0\.7\b")
"""What the machine thinks of those that `Served.flag` adds, or tells it."""


class Served:
    """A desk, and programs that ask at it."""

    def __init__(self, desk: DeskAt) -> None:
        self.desk = desk
        self.store = desk.store

    def token(self, role: Role = "reviewer") -> str:
        if self.store.user(role) is None:
            self.desk.add(role, role)
        secret = new_token()
        self.store.add_token(Token(token_id(secret), role, "", stamp(self.desk.now)))
        return secret

    def program(self, role: Role = "reviewer", secret: str = "", **headers: str) -> httpx.Client:
        """It sends nothing of what a browser sends by itself."""
        shown = {"Authorization": f"Bearer {secret or self.token(role)}"}
        return self.desk.stranger(headers=shown | headers)

    def add(self, *arrivals: Arrival) -> list[str]:
        self.store.add_page(arrivals, stamp(self.desk.now))
        return [one.mentions[0][0].id for one in arrivals]

    def flag(self, name: str, hours: float = 1, *, blind: bool = False, **others: Any) -> str:
        """A detractor with a case, its mention's id; `blind`: drawn in an audit too."""
        at = ago(hours=hours)
        made = arrival(name, label="detractor", value=-0.5, at=at, published_at=at, **others)
        (its_id,) = self.add(made)
        case = flagged(made.mentions[0][0], made.post, self.desk.config.settings, self.desk.now)
        assert case is not None and self.store.open_case(case)
        if blind:
            self.store.add_audit(*audit(made, number=int(name)))
        return its_id


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with DeskAt(tmp_path, FEED) as desk:
        yield Served(desk)


def basic(secret: str) -> str:
    return f"Basic {b64encode(f'anybody:{secret}'.encode()).decode()}"


def refused(answer: httpx.Response, code: int) -> str:
    """Why, as programs are told."""
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert list(told) == ["error"] and told["error"].endswith((".", "?"))
    sentence: str = told["error"]
    return sentence


def path_of(path: str) -> str:
    return path.replace("{id}", NOBODY)


# -- who may ask


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_strangers_are_asked_for_a_token(served: Served, operation: Any) -> None:
    secret = served.token()
    shown: tuple[dict[str, str], ...] = (
        *({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {secret}x"}),
        *({"Authorization": secret}, {"Authorization": f"Digest {secret}"}, {"Authorization": "Basic !"}),
        *({"Authorization": basic("x")}, {"Authorization": f"Bearer {token_id(secret)}"}),
        {"Authorization": "Bearer " + "x" * 5000},
    )
    for headers in shown:
        of_ours = {"Sec-Fetch-Site": "same-origin"} | headers
        answer = served.desk.stranger(headers=of_ours).request(operation.method, path_of(operation.path))
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="listener"'
    in_address = served.desk.stranger().request(operation.method, f"{path_of(operation.path)}?token={secret}")
    refused(in_address, 401)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_a_token_may_do_what_its_user_may(served: Served, operation: Any) -> None:
    answer = served.program("viewer").request(operation.method, path_of(operation.path))
    if operation.role == "viewer":
        assert answer.status_code in (200, 400, 404)
    else:
        assert "takes the role" in refused(answer, 403)
    assert served.program("admin").request(operation.method, path_of(operation.path)).status_code not in (401, 403)


def test_a_token_ends_with_its_revocation_and_rests_with_its_user(served: Served) -> None:
    secret = served.token()
    program = served.program(secret=secret)
    assert program.get("/api/mentions").status_code == 200
    user = served.store.user("reviewer")
    assert user is not None
    served.store.set_user(user._replace(disabled_at=stamp(NOW)))
    refused(program.get("/api/mentions"), 401)
    served.store.set_user(user._replace(role="viewer"))
    refused(program.post("/api/reviews", json={}), 403)
    served.store.revoke_token(token_id(secret), stamp(NOW))
    refused(program.get("/api/mentions"), 401)


def test_the_day_of_use_is_noted_and_a_busy_database_keeps_nobody_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise StoreBusy("busy")

    program = served.program()
    with monkeypatch.context() as patched:
        patched.setattr(type(served.store), "touch_token", busy)
        assert program.get("/api/mentions").status_code == 200
    assert served.store.tokens()[0].used_on == ""
    assert program.get("/api/mentions").status_code == 200
    assert served.store.tokens()[0].used_on == "2026-11-22"


def test_basic_only_reads(served: Served) -> None:
    its_id = served.flag("1")
    reader = served.desk.stranger(headers={"Authorization": basic(served.token()), "Sec-Fetch-Site": "same-origin"})
    assert reader.get("/api/mentions").status_code == 200
    refused(reader.post("/api/reviews", json={"mention_id": its_id, "label": "passive"}), 401)
    assert served.store.whole(its_id).item.review is None  # type: ignore[union-attr]


def test_a_session_reads_and_changes_nothing(served: Served) -> None:
    its_id = served.flag("1")
    browser = served.desk.client("admin")
    assert browser.get("/api/mentions").status_code == 200
    assert browser.get("/api/mentions", headers={"Authorization": "Basic cHJveHk6cHJveHk="}).status_code == 200
    refused(browser.get("/api/mentions", headers={"Authorization": "Bearer x"}), 401)
    refused(browser.post("/api/reviews", json={"mention_id": its_id, "label": "passive"}), 401)
    refused(browser.post(f"/api/cases/{its_id}/act", json={"action": "answered"}), 401)
    assert served.store.case(its_id).state == "new"  # type: ignore[union-attr]


def test_tokens_are_stored_as_hashes(served: Served) -> None:
    secret = served.token()
    served.program(secret=secret).get("/api/mentions")
    assert secret.startswith("listener_") and len(secret) > 50
    for path in served.desk.folder.iterdir():
        assert secret.encode() not in path.read_bytes()


# -- mentions


def test_mentions_are_those_of_the_page_with_its_filters(served: Served) -> None:
    made = [arrival(str(n), source="forum" if n % 2 else "blogs", at=ago(hours=n)) for n in range(5)]
    ids = served.add(*made)
    program = served.program("viewer")
    found, after = [], ""
    while True:
        page = program.get("/api/mentions", params={"limit": 2, "after": after}).json()
        found += [one["id"] for one in page["mentions"]]
        after = page["after"]
        if not after:
            break
    assert found == ids
    forum = program.get("/api/mentions?source=forum&label=promoter&since=2d").json()["mentions"]
    assert [one["id"] for one in forum] == [ids[1], ids[3]]
    assert forum[0]["labelled_by"] == "machine" and forum[0]["text"] == made[1].post.text
    for query in ("label=x", "since=never", "limit=0", "limit=201", "limit=x", "limit=1&limit=2", "after=a&after=b"):
        refused(program.get(f"/api/mentions?{query}"), 400)
    assert program.get("/api/mentions?after=garbage").status_code == 200


def test_a_mention_comes_with_its_history(served: Served) -> None:
    its_id = served.flag("1", url="javascript:alert(1)", handle="Käthe")
    program = served.program()
    program.post(f"/api/cases/{its_id}/act", json={"action": "note", "value": "Called them."})
    told = program.get(f"/api/mentions/{its_id}").json()
    assert told["url"] == "" and told["by"]["handle"] == "Käthe"
    assert [(one["what"], one["detail"], one["who"]) for one in told["events"]] == [
        ("noted", "Called them.", "reviewer")
    ]
    assert told["scores"][0]["label"] == "detractor" and told["case"]["state"] == "new"
    for wrong in (NOBODY, "x", f"{its_id}.00000000", f"{its_id}x"):
        refused(program.get(f"/api/mentions/{wrong}"), 404)


def test_what_waits_for_a_blind_label_tells_nothing_of_the_machines(served: Served) -> None:
    its_id = served.flag("1", blind=True, source="blogs", thread="t")
    other = served.flag("2", thread="t", text="Acme is bad, I hate it")
    served.store.save_view(View("all", "", "", stamp(NOW)))
    program = served.program()
    lists = ("/api/mentions?source=blogs&limit=200", "/api/cases", "/api/mentions?label=promoter")
    for path in lists:
        (told,) = [one for one in program.get(path).json()["mentions"] if one["id"] == its_id]
        assert told["blind"] and told["case"] is None and not MACHINES.search(json.dumps(told))
    told = program.get(f"/api/mentions/{its_id}").json()
    assert told["in_thread"][0]["id"] == other and told["scores"] == [] and not MACHINES.search(json.dumps(told))
    (item,) = [one for one in program.get("/views/all.json").json()["items"] if one["id"] == its_id]
    assert not MACHINES.search(json.dumps(item))
    report = program.get("/api/report?brand=Acme&since=2d").json()
    assert [one["mention_id"] for one in report["detractors"]] == [other]

    done = program.post("/api/reviews", json={"mention_id": its_id, "label": "passive"})
    assert done.status_code == 201 and done.json()["mention"]["label"] == "passive"
    assert not done.json()["mention"]["blind"]
    (given,) = program.get("/api/reviews").json()["reviews"]
    assert (given["sampled_by"], given["inclusion_prob"], given["reviewer"]) == ("audit", 1.0, "reviewer")
    assert program.get(f"/api/mentions/{its_id}").json()["scores"][0]["label"] == "detractor"


# -- work


def test_open_cases_come_the_most_urgent_first(served: Served) -> None:
    late, fresh = served.flag("1", 9), served.flag("2", 0.2)
    served.add(arrival("3"))
    told = served.program("viewer").get("/api/cases").json()["mentions"]
    assert [(one["id"], one["case"]["overdue"]) for one in told] == [(late, True), (fresh, False)]
    assert served.program().get("/api/cases?state=assigned").json()["mentions"] == []


def test_work_is_done_in_the_name_of_the_tokens_user(served: Served) -> None:
    its_id = served.flag("1")
    ann, root = served.program(), served.program("admin")
    claimed = ann.post(f"/api/cases/{its_id}/act", json={"action": "claim"})
    assert claimed.json()["mention"]["case"]["claimed_by"] == "reviewer"
    assert "reviewer is working" in refused(root.post(f"/api/cases/{its_id}/act", json={"action": "answered"}), 409)
    done = ann.post(f"/api/cases/{its_id}/act", json={"action": "answered"}).json()
    assert done["done"] == "Answered." and done["mention"]["case"]["answered_at"] == stamp(NOW)
    undone = ann.post(f"/api/cases/{its_id}/act", json={"action": "undo"}).json()
    assert undone["mention"]["case"]["state"] == "new"


def test_who_has_seen_something_else_changes_nothing(served: Served) -> None:
    its_id = served.flag("1")
    program = served.program()
    seen = program.get(f"/api/mentions/{its_id}").json()["seen"]
    assert program.post(f"/api/cases/{its_id}/act", json={"action": "assign", "seen": seen}).status_code == 200
    refused(program.post(f"/api/cases/{its_id}/act", json={"action": "answered", "seen": seen}), 409)
    assert served.store.case(its_id).state == "assigned"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"action": 1}', 400),
        (b'{"action": "burn"}', 400),
        (b'{"action": "note", "note": "x"}', 400),
        (b'{"action": "note", "\\ud800": "x"}', 400),
        (b'{"action": "assign", "value": "nobody\\ud800\\u0000"}', 409),
        (b'{"action": "snooze", "value": "for ever"}', 409),
        (b'{"action": "label", "value": "splendid"}', 409),
        (b'{"action": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(served: Served, content: bytes, code: int) -> None:
    its_id = served.flag("1")
    before = served.store.whole(its_id)
    sends = {"Content-Type": "application/json"}
    refused(served.program().post(f"/api/cases/{its_id}/act", content=content, headers=sends), code)
    assert served.store.whole(its_id) == before


def test_only_json_is_read(served: Served) -> None:
    its_id = served.flag("1")
    told = {"mention_id": its_id, "label": "passive"}
    refused(served.program().post("/api/reviews", data=told), 415)
    refused(served.program().post("/api/reviews", json=told | {"label": "splendid"}), 400)
    refused(served.program().post("/api/reviews", json={"label": "passive"}), 400)
    refused(served.program().post("/api/reviews", json=told | {"mention_id": NOBODY}), 404)
    note = {"action": "note", "value": "a\u0000b\ud800c"}
    raw = json.dumps(note).encode()
    sends = {"Content-Type": "application/json; charset=utf-8"}
    assert served.program().post(f"/api/cases/{its_id}/act", content=raw, headers=sends).status_code == 200
    assert served.store.whole(its_id).events[-1].detail == "abc"  # type: ignore[union-attr]


def test_reviews_are_listed_page_by_page(served: Served) -> None:
    made = [arrival(str(n)) for n in range(3)]
    served.add(*made)
    served.store.add_reviews([review(one, "passive", n) for n, one in enumerate(made)])
    program = served.program("viewer")
    first = program.get("/api/reviews?limit=2&brand=Acme").json()
    rest = program.get("/api/reviews", params={"limit": 2, "after": first["after"]}).json()
    assert len(first["reviews"]) == 2 and len(rest["reviews"]) == 1 and rest["after"] == ""
    assert program.get("/api/reviews?brand=Other").json() == {"reviews": [], "after": ""}


# -- figures


def test_the_report_is_the_one_that_the_command_prints(served: Served) -> None:
    from listener.cli.report_making import gather
    from listener.quantities import parse_when

    served.flag("1")
    served.add(arrival("2"))
    program = served.program("viewer")
    since = parse_when("2d", served.desk.config.settings.zone, NOW)
    (built,) = gather(served.desk.app, since, NOW)
    told = program.get("/api/report?brand=Acme&since=2d").json()
    assert told == json.loads(json.dumps(as_json.as_dict(built)))
    figures = program.get("/api/nps?brand=Acme&since=2d").json()
    assert figures == {key: told[key] for key in figures}
    assert figures["inps"]["value"] is None and figures["inps"]["reason"]
    for query in ("", "brand=Nobody", "brand=Acme&since=x", "brand=Acme&since=1h&until=2h", "brand=Acme&brand=Acme"):
        for path in ("/api/report", "/api/nps"):
            refused(program.get(f"{path}?{query}"), 400)


def test_sources_are_told_with_their_health(served: Served) -> None:
    (asked,) = served.desk.app.sync_watches()
    served.store.finish_run(run(asked, outcome="failed", error="it is away"), stamp(NOW), trouble="unreachable")
    (told,) = served.program("viewer").get("/api/sources").json()["sources"]
    assert (told["source"], told["state"], told["failing"]) == ("blogs", "degraded", True)
    assert told["reason"] == "it is away"


# -- what there is


def test_the_document_names_every_route_and_no_other() -> None:
    served = {(method, entry.path) for entry in ENTRIES for method in entry.methods if entry.path.startswith("/api/")}
    described = {
        (method.upper(), path) for path, methods in document("http://x")["paths"].items() for method in methods
    }
    assert described == served and len(OPERATIONS) == len(served)


def test_the_document_holds_together(served: Served) -> None:
    told = served.program("viewer").get("/api/openapi.json").json()
    assert told["openapi"] == "3.1.0" and told["servers"] == [{"url": "http://127.0.0.1:8400"}]
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(told)))
    assert names == set(told["components"]["schemas"])
    operations = [one for methods in told["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for path, methods in told["paths"].items():
        for one in methods.values():
            in_path = {each["name"] for each in one["parameters"] if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))


def test_answers_have_the_described_shape(served: Served) -> None:
    its_id = served.flag("1", thread="t")
    served.flag("2", blind=True, thread="t")
    served.add(arrival("3", label=None, thread="t"))
    served.desk.app.sync_watches()
    program = served.program()
    done = program.post("/api/reviews", json={"mention_id": its_id, "label": "not_us"})
    fits(done.json(), SCHEMAS["Done"])
    for operation in READING:
        path = operation.path.replace("{id}", its_id)
        query = "?brand=Acme" if operation.path in ("/api/report", "/api/nps") else ""
        fits(program.get(path + query).json(), SCHEMAS[operation.gives])
    fits(program.get("/api/nowhere").json(), SCHEMAS["Error"])


def fits(value: Any, schema: dict[str, Any]) -> None:
    """What of JSON Schema the document uses."""
    if "$ref" in schema:
        return fits(value, SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return None if value is None else fits(value, schema["anyOf"][0])
    if "enum" in schema:
        assert value in schema["enum"]
        return None
    kinds = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
    kinds |= {"integer": int, "number": (int, float)}  # type: ignore[dict-item]
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(isinstance(value, kinds[name]) for name in named), (value, schema)
    if isinstance(value, str) and "pattern" in schema:
        assert re.search(schema["pattern"], value)
    if isinstance(value, list) and "items" in schema:
        for one in value:
            fits(one, schema["items"])
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema["required"]) <= set(value)
        if schema.get("required") and "inps" not in value and "failing" not in value:
            assert set(value) <= set(schema["properties"]), set(value) - set(schema["properties"])
        for name, its in schema["properties"].items():
            if name in value:
                fits(value[name], its)
    return None


def test_people_find_it_described(served: Served) -> None:
    page = served.desk.client("viewer").get("/api")
    assert page.status_code == 200
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.path}" in page.text
    assert served.desk.stranger().get("/api").status_code == 303


# -- feeds


def test_a_saved_view_is_a_feed(served: Served) -> None:
    gone = arrival("3", at=ago(hours=3))
    ids = served.add(
        arrival("1", at=ago(hours=1), title="<b>Acme</b>", text="</script>Acme", handle="ann"),
        arrival("2", at=ago(hours=2), url="javascript:alert(1)"),
        gone,
    )
    served.add(gone._replace(post=gone.post._replace(deleted_at=stamp(NOW), fingerprint="gone")))
    served.add(arrival("4", source="forum"))
    served.store.save_view(View("praise / all", "reviewer", "source=blogs&label=promoter", stamp(NOW)))
    reader = served.desk.stranger(headers={"Authorization": basic(served.token())})
    answer = reader.get("/views/praise%20%2F%20all.json")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/feed+json")
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1" and "next_url" not in feed
    assert feed["feed_url"] == "http://127.0.0.1:8400/views/praise%20%2F%20all.json"
    assert reader.get(feed["feed_url"]).json() == feed
    assert 'href="/views/praise%20%2F%20all.json"' in served.desk.client("reviewer").get("/views").text
    assert feed["home_page_url"] == "http://127.0.0.1:8400/mentions?source=blogs&label=promoter"
    assert [one["id"] for one in feed["items"]] == ids[:2]
    first, second = feed["items"]
    assert first["content_text"] == "</script>Acme" and first["authors"] == [{"name": "ann"}]
    assert first["tags"] == ["Acme", "blogs", "promoter"] and "external_url" not in second


def test_feeds_go_on_and_are_of_their_owner(served: Served) -> None:
    served.add(*(arrival(str(n), at=ago(minutes=n)) for n in range(60)))
    for name, owner in (("all", ""), ("all", "reviewer"), ("mine", "admin")):
        query = "since=30m" if owner == "reviewer" else ""
        served.store.save_view(View(name, owner, query, stamp(NOW)))
    viewer, reviewer = served.program("viewer"), served.program()
    first = viewer.get("/views/all.json").json()
    rest = viewer.get(first["next_url"]).json()
    assert (len(first["items"]), len(rest["items"])) == (50, 10)
    assert len(reviewer.get("/views/all.json").json()["items"]) == 31
    refused(reviewer.get("/views/mine.json"), 404)
    refused(served.desk.stranger().get("/views/mine.json"), 401)
    stranger = served.desk.stranger().get("/views/all.json")
    assert stranger.status_code == 401 and stranger.headers["www-authenticate"] == 'Basic realm="listener"'


# -- monitoring


def metrics(answer: httpx.Response) -> dict[str, float]:
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'listener_[a-z_]+(\{[a-z]+="[^"\\]+"\})? [0-9.e+]+', line) for line in lines)
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_count_what_there_is(served: Served) -> None:
    (asked,) = served.desk.app.sync_watches()
    local = served.desk.stranger(headers={})
    assert metrics(local.get("/metrics"))['listener_runs_total{outcome="failed"}'] == 0
    served.flag("1", 9)
    served.flag("2", 1)
    for number, outcome in enumerate(("ok", "ok", "failed")):
        served.store.finish_run(run(asked, number, outcome=outcome), stamp(NOW))
    served.store.add_alerts([alert(1)])
    served.desk.later(minutes=10)
    found = metrics(local.get("/metrics"))
    expected = {
        "listener_posts_total": 2,
        "listener_mentions_total": 2,
        "listener_alerts_total": 1,
        'listener_runs_total{outcome="ok"}': 2,
        'listener_runs_total{outcome="failed"}': 1,
        'listener_deliveries{state="waiting"}': 1,
        "listener_oldest_delivery_seconds": 599,
        'listener_open_cases{state="new"}': 2,
        "listener_overdue_cases": 1,
        'listener_watches{state="degraded"}': 1,
        "listener_due_watches": 1,
        "listener_lag_seconds": 600,
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=x"}, {"Host": "192.0.2.7"}], ids=str
)
def test_metrics_are_open_to_this_machine_only(served: Served, headers: dict[str, str]) -> None:
    stranger = served.desk.stranger()
    assert stranger.get("/metrics").status_code == 200
    assert stranger.get("/metrics", headers=headers).status_code == 401
    assert served.program("viewer").get("/metrics", headers=headers).status_code == 200


def test_metrics_want_a_token_behind_a_proxy(tmp_path: Path) -> None:
    with DeskAt(tmp_path, ACME + '[desk]\naddress = "https://desk.example"\n') as desk:
        assert desk.stranger().get("/metrics").status_code == 401
        assert Served(desk).program("viewer").get("/metrics").status_code == 200


def test_alive_until_the_clock_stalls(served: Served) -> None:
    stranger = served.desk.stranger(headers={})
    assert (stranger.get("/healthz").status_code, stranger.get("/healthz").text) == (200, "ok\n")
    served.desk.app.sync_watches()
    served.desk.later(minutes=70)
    assert stranger.get("/healthz").text == "ok\n"
    served.desk.later(seconds=1)
    answer = stranger.get("/healthz")
    assert answer.status_code == 503 and "1 of 1 watches are not asked" in answer.text
    assert "blog" not in answer.text
    served.store.sync_watches([])
    assert stranger.get("/healthz").status_code == 200


def test_watches_that_nobody_is_to_ask_stall_nothing(served: Served) -> None:
    (asked,) = served.desk.app.sync_watches()
    served.store.finish_run(run(asked), stamp(NOW), closed="gone for good")
    served.store.sync_watches([asked, watch("stranger")])
    served.desk.later(days=9)
    assert served.desk.stranger().get("/healthz").status_code == 200


def test_alive_until_a_delivery_stalls(served: Served) -> None:
    served.store.add_alerts([alert(1)])
    stranger = served.desk.stranger()
    served.desk.later(minutes=30)
    assert stranger.get("/healthz").status_code == 200
    served.desk.later(seconds=1)
    answer = stranger.get("/healthz")
    assert answer.status_code == 503 and answer.text.startswith("a delivery has been due since 2026-11-22T12:00")


def test_dead_without_its_database(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("/secret/place/listener.db is away")

    monkeypatch.setattr(type(served.store), "due_watches", broken)
    answer = served.desk.stranger().get("/healthz")
    assert (answer.status_code, answer.text) == (503, "the database cannot be read.\n")


# -- listener users token


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    listener = Command(tmp_path)
    listener("users", "add", "Ann", "--role", "viewer", "--password-stdin", stdin=b"long enough\n")
    assert "there is no token" in listener("users", "tokens").out
    made = listener("users", "token", "ann", "--for", "the wall\x1b[2J board")
    assert made.code == 0 and "not shown again" in made.err
    secret = made.out.strip()
    (told,) = listener("users", "tokens", "--json").json
    assert (told["user"], told["about"]) == ("Ann", "the wall[2J board") and token_id(secret).startswith(told["id"])
    listed = listener("users", "tokens").out
    assert told["id"] in listed and "never used" in listed and secret not in listed
    assert listener("users", "token", "nobody").code == 2
    assert listener("users", "tokens", "revoke", "zz").code == 2
    assert listener("users", "tokens", "revoke", told["id"]).code == 0
    assert "revoked" in listener("users", "tokens").out
