"""What was said and what became of it, at the desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.alerts.notice import Notice
from storage.records import Alert, Delivery, DeliveryState, stamp
from tests.command import ACME
from tests.conftest import NOW
from tests.desk import DeskAt

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"
SECRET = "T0KENinTHEpath"
CONFIG = f"""timezone = "Europe/Berlin"
{ACME}
[[channels]]
name = "chat"
type = "webhook"
url = "https://chat.example/hook/{SECRET}"
[[channels]]
name = "crm"
type = "webhook"
url = "https://crm.example/hook/{SECRET}"
quiet = "22:00-07:00"
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path, CONFIG) as made:
        yield made


def plant(
    desk: DeskAt, number: int, channel: str = "chat", state: DeliveryState = "waiting", error: str = "", title: str = ""
) -> str:
    at = stamp(NOW - timedelta(minutes=1000 - number))
    notice = Notice(
        type="mention.detractor", found_at=at, brand="Acme", label="detractor", title=title or f"post {number}"
    )
    alert = Alert(f"a{number}", "rule", "Acme", None, at, notice.to_json())
    tried = 0 if state == "waiting" else 3
    one = Delivery(f"d{number}", alert.id, channel, state, tried, at, error, at if state == "sent" else None)
    desk.store.add_alerts([(alert, (one,))])
    return one.id


def listed(text: str) -> list[str]:
    return re.findall(r'<tr id="d-(\w+)"', text)


def test_deliveries_are_listed_newest_first_with_what_became_of_them(desk: DeskAt) -> None:
    for number, (state, error) in enumerate(
        [("sent", ""), ("dead", "chat.example is gone for good (HTTP 410)."), ("waiting", "HTTP 500")]
    ):
        plant(desk, number, state=state, error=error)  # type: ignore[arg-type]
    page = desk.client().get("/deliveries").text
    assert listed(page) == ["d2", "d1", "d0"]
    assert "gone for good (HTTP 410)" in page and "HTTP 500" in page and "post 1" in page
    assert "detractor" not in page, "somebody may be about to label it blind"
    assert SECRET not in page


def test_filters_stand_in_the_url_and_pages_go_on_by_key(desk: DeskAt) -> None:
    for number in range(120):
        plant(desk, number, "chat" if number % 2 else "crm", "dead" if number < 110 else "sent")
    client, seen, path = desk.client(), [], "/deliveries?channel=chat&state=dead"
    while path:
        page = client.get(path).text
        seen += listed(page)
        more = re.search(r'class="further"><a href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == [f"d{n}" for n in range(109, 0, -2)]
    assert client.get("/deliveries?state=asleep").status_code == 400
    assert client.get("/deliveries?channel=" + "x" * 300).status_code == 400
    assert client.get("/deliveries?after=~garbage").status_code == 200


def test_channels_are_counted_and_say_why_they_do_not_send(desk: DeskAt) -> None:
    plant(desk, 1, "chat", "dead")
    plant(desk, 2, "old", "dead")
    plant(desk, 3, "crm")
    desk.store.set_channel("chat", stopped="Stopped: the receiver is gone.")
    desk.now = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    page = desk.client().get("/deliveries").text
    assert "Stopped: the receiver is gone." in page
    assert "not configured" in page
    assert "quiet hours, until" in page and "2026-11-23T06:00:00.000Z" in page
    assert page.count('<a href="/deliveries?channel=chat&amp;state=dead">1</a>') == 1


def test_an_admin_replays_and_drops_and_nobody_else_does(desk: DeskAt) -> None:
    dead, waiting = plant(desk, 1, state="dead", error="x"), plant(desk, 2)
    for role in ("viewer", "reviewer"):
        refused = desk.client(role).post("/deliveries", data={"action": "replay", "value": dead})
        assert refused.status_code == 403
    assert '<button name="action"' not in desk.client("reviewer").get("/deliveries").text
    assert desk.client("viewer").get("/deliveries").status_code == 403
    assert "/deliveries" not in desk.client("viewer").get("/help").text

    admin = desk.client("admin")
    assert admin.post("/deliveries", data={"action": "drop", "value": waiting}).status_code == 303
    assert admin.post("/deliveries", data={"action": "replay", "value": dead}).status_code == 303
    assert {one.delivery.id: one.delivery.state for one in desk.store.deliveries()} == {
        dead: "waiting",
        waiting: "dropped",
    }
    admin.post("/deliveries", data={"action": "replay", "value": waiting})
    assert {one.delivery.state for one in desk.store.deliveries()} == {"waiting"}
    assert admin.post("/deliveries", data={"action": "explode", "value": dead}).status_code == 400
    assert admin.post("/deliveries", data={"action": "replay"}).status_code == 400


def test_replaying_a_channel_opens_it_again(desk: DeskAt) -> None:
    plant(desk, 1, "chat", "dead")
    plant(desk, 2, "crm", "dead")
    desk.store.set_channel("chat", stopped="gone")
    desk.client("admin").post("/deliveries", data={"action": "replay", "channel": "chat"})
    assert {one.delivery.channel: one.delivery.state for one in desk.store.deliveries()} == {
        "chat": "waiting",
        "crm": "dead",
    }
    assert desk.store.channel("chat") == ("", "")


def test_hostile_words_are_shown_as_words(desk: DeskAt) -> None:
    plant(desk, 1, HOSTILE[:40], "dead", HOSTILE, HOSTILE)
    broken = Alert("b", "r", HOSTILE, None, stamp(NOW), "{")
    desk.store.add_alerts([(broken, (Delivery("db", "b", "chat", "dead", 1, stamp(NOW), "", None),))])
    page = desk.client("admin").get("/deliveries").text
    assert "<script>alert" not in page and "{{7*7}}" in page
    assert "(cannot be read)" in page
