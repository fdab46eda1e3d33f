"""The queue, the list of mentions, views, and what is done to many at once, through the whole application."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from listener.desk.urgency import flagged
from storage.contract import Store
from storage.records import Arrival, stamp
from storage.records_desk import Case, Filter
from tests.databases import settings_of
from tests.desk import DeskAt
from tests.made import ago, arrival, audit

TWO_BRANDS = """
[[brands]]
name = "Acme"
query = "acme"

[[brands]]
name = "Globex"
query = "globex"
"""
HTMX = {"HX-Request": "true"}


class Filled:
    """A desk with mentions: `flag` opens the case of a detractor."""

    def __init__(self, desk: DeskAt) -> None:
        self.desk = desk
        self.store = desk.store

    def add(self, *arrivals: Arrival) -> list[str]:
        """Their mentions' ids."""
        self.store.add_page(arrivals, stamp(self.desk.now))
        return [one.mentions[0][0].id for one in arrivals]

    def flag(self, name: str, hours: float = 1, **others: Any) -> str:
        at = ago(hours=hours)
        made = arrival(name, label="detractor", at=at, published_at=at, **others)
        (its_id,) = self.add(made)
        case = flagged(made.mentions[0][0], made.post, self.desk.config.settings, self.desk.now)
        assert case is not None
        assert self.store.open_case(case)
        return its_id

    def case(self, mention_id: str) -> Case:
        found = self.store.case(mention_id)
        assert found is not None
        return found


@pytest.fixture
def filled(tmp_path: Path, either_store: Store) -> Iterator[Filled]:
    with DeskAt(tmp_path, TWO_BRANDS + settings_of(either_store)) as desk:
        yield Filled(desk)


def order(page: httpx.Response) -> list[str]:
    return re.findall(r'<li class="row[^>]* id="m-([0-9a-f-]+)"', page.text)


def row_of(page: httpx.Response, mention_id: str) -> str:
    found = re.search(rf'<li class="row[^>]* id="m-{mention_id}".*?</li>', page.text, re.DOTALL)
    assert found, f"{mention_id} is not on the page"
    return found[0]


def said(page: httpx.Response) -> str:
    found = re.search(r'id="flash"[^>]*>(.*?)</p>', page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def at(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Where a POST sends the browser."""
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["location"])


# -- the queue


def test_the_most_urgent_comes_first_and_overdue_is_said(filled: Filled) -> None:
    late, fresh, soon = filled.flag("late", 9), filled.flag("fresh", 0.2), filled.flag("soon", 3.5)
    page = filled.desk.client().get("/")
    assert order(page) == [late, soon, fresh]
    assert "overdue 5 h" in row_of(page, late)
    assert "30 min left" in row_of(page, soon)
    assert "overdue" not in row_of(page, fresh)


def test_a_row_says_who_where_when_what_and_how_sure(filled: Filled) -> None:
    made = filled.flag(
        "1", 2, handle="Käthe", source="forum", text="Sorry, but Acme broke", rating=2.0, rating_scale=5.0
    )
    row = row_of(filled.desk.client().get("/"), made)
    for part in (
        "Käthe",
        "forum",
        "2 h ago",
        "★ 2/5",
        'Sorry, but <mark class="brand">Acme</mark> broke',
        "detractor",
        "70%",
    ):
        assert part in row
    assert 'datetime="2026-11-22T10:00:00.000Z"' in row


def test_counts_are_of_what_is_open(filled: Filled) -> None:
    filled.flag("late", 9)
    filled.flag("fresh", 1)
    page = filled.desk.client().get("/")
    assert "<b>2</b> open" in page.text
    assert "<b>1</b> overdue" in page.text


def test_nothing_to_do_says_so(filled: Filled) -> None:
    client = filled.desk.client()
    assert "Nothing waits for you" in client.get("/").text
    assert "Look among all mentions" in client.get("/?brand=Acme").text
    assert "No mention yet" in client.get("/mentions").text


def test_the_audit_sample_looks_like_the_rest_but_hides_what_the_machine_thinks(filled: Filled) -> None:
    filled.flag("1")
    drawn = arrival("2", label="promoter", text="Acme is nice")
    (its_id,) = filled.add(drawn)
    filled.store.add_audit(*audit(drawn))
    row = row_of(filled.desk.client().get("/"), its_id)
    assert "What do you think?" in row
    for hidden in ("70%", 'class="chip promoter"', "aria-pressed", "case yet"):
        assert hidden not in row


def test_a_flagged_mention_that_is_drawn_too_shows_neither_clock_nor_label(filled: Filled) -> None:
    its_id = filled.flag("1", 9)
    drawn = arrival("1", label="detractor")
    filled.store.add_audit(*audit(drawn))
    for path in ("/", "/mentions", "/mentions?label=promoter", "/mentions?label=detractor"):
        row = row_of(filled.desk.client().get(path), its_id)
        for hidden in ("overdue", "late", "chip detractor", "70%", "aria-pressed", ">new<"):
            assert hidden not in row, path


def test_who_looks_for_something_gets_no_sample_mixed_in(filled: Filled) -> None:
    drawn = arrival("2", label="promoter")
    (its_id,) = filled.add(drawn)
    filled.store.add_audit(*audit(drawn))
    client = filled.desk.client()
    assert order(client.get("/?brand=Acme")) == [its_id]
    assert order(client.get("/?q=refund")) == []


def test_viewers_see_everything_and_get_no_buttons(filled: Filled) -> None:
    its_id = filled.flag("1")
    page = filled.desk.client("viewer").get("/")
    assert order(page) == [its_id]
    assert "/act" not in page.text
    assert "/bulk" not in page.text


# -- filters


def test_filters_stand_in_the_address_and_narrow(filled: Filled) -> None:
    ours = filled.flag("1", source="forum")
    theirs = filled.flag("2", brand="Globex", text="Globex fails")
    client = filled.desk.client()
    assert order(client.get("/?brand=Acme")) == [ours]
    assert order(client.get("/?brand=Globex")) == [theirs]
    assert set(order(client.get("/?brand=Globex&brand=Acme"))) == {ours, theirs}
    assert order(client.get("/?source=forum")) == [ours]
    assert order(client.get("/?state=assigned")) == []
    assert order(client.get("/?since=30m")) == []
    assert set(order(client.get("/?since=2h&label=detractor&language=en"))) == {ours, theirs}


def test_what_it_is_narrowed_to_can_be_taken_away_piece_by_piece(filled: Filled) -> None:
    page = filled.desk.client().get("/?brand=Acme&state=new&q=a+%26+b")
    links = [html.unescape(one) for one in re.findall(r'<a href="([^"]*)" title="Remove', page.text)]
    assert links == ["/?state=new&q=a+%26+b", "/?brand=Acme&q=a+%26+b", "/?brand=Acme&state=new"]


def test_mine_is_whoever_looks(filled: Filled) -> None:
    its_id = filled.flag("1")
    client = filled.desk.client(name="ann")
    client.post(f"/mentions/{its_id}/act", data={"action": "assign"})
    assert order(client.get("/?assignee=me")) == [its_id]
    assert order(filled.desk.client(name="bea").get("/?assignee=me")) == []


@pytest.mark.parametrize(
    "query",
    [
        "label=great",
        "state=open",
        "rating=many",
        "rating=nan",
        "rating=-1",
        "since=yesterday",
        "since=99999-01-01",
        "q=a&q=b",
        "until=" + "9" * 100,
        "q=" + "x" * 500,
        "&".join(["brand=Acme"] * 60),
        "after=a&after=b",
    ],
)
def test_a_filter_that_cannot_be_is_a_clear_page(filled: Filled, query: str) -> None:
    answer = filled.desk.client().get(f"/mentions?{query}")
    assert answer.status_code == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("after", ["x", "~", "'; DROP TABLE cases --", "9" * 150, "%00"])
def test_a_place_that_nobody_gave_out_is_no_error(filled: Filled, after: str) -> None:
    filled.flag("1")
    for path in ("/", "/mentions"):
        assert filled.desk.client().get(path, params={"after": after}).status_code in (200, 400)


def test_pages_go_on_where_the_last_ended(filled: Filled) -> None:
    ids = [filled.flag(str(number), 1 + number / 100) for number in range(120)]
    client = filled.desk.client()
    for path in ("/", "/mentions"):
        seen: list[str] = []
        page = client.get(f"{path}?brand=Acme")
        for _ in range(4):
            seen += order(page)
            further = re.search(r'<li class="further"><a href="([^"]+)"', page.text)
            if further is None:
                break
            page = client.get(html.unescape(further[1]), headers=HTMX if len(seen) > 30 else {})
        assert len(seen) == 120
        assert set(seen) == set(ids)


def test_htmx_is_given_the_further_rows_alone(filled: Filled) -> None:
    filled.flag("1")
    part = filled.desk.client().get("/", headers=HTMX)
    assert part.text.lstrip().startswith("<li")
    assert "<html" not in part.text


def test_applying_the_form_again_loses_no_filter_that_no_picker_shows(filled: Filled) -> None:
    client = filled.desk.client()
    page = client.get("/?brand=Gone&source=dropped&state=answered&assignee=Zed").text
    for name, value in (("brand", "Gone"), ("source", "dropped"), ("state", "answered")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert "<option selected>Zed</option>" in page
    assert "<option selected>me" not in client.get("/?assignee=me").text


# -- many at once


def test_many_are_done_at_once_and_undone_at_once(filled: Filled) -> None:
    ids = [filled.flag(str(number)) for number in range(5)]
    client = filled.desk.client()
    page = at(client, client.post("/bulk", data={"ids": ids[:4], "action": "answered", "back": "/?brand=Acme"}))
    assert "Done for 4 mentions" in said(page)
    assert order(page) == ids[4:]
    assert str(page.url).endswith("/?brand=Acme")
    page = at(client, client.post("/undo", data={"back": "/"}))
    assert "Undone on 4 mentions" in said(page)
    assert {filled.case(its).state for its in ids} == {"new"}


def test_what_others_hold_or_changed_is_left_and_told(filled: Filled) -> None:
    held, changed, free = (filled.flag(name) for name in ("1", "2", "3"))
    ann, bea = filled.desk.client(name="ann"), filled.desk.client(name="bea")
    boxes = re.findall(r'name="ids" value="([^"]+)"', ann.get("/").text)
    bea.post(f"/mentions/{held}/act", data={"action": "claim"})
    bea.post(f"/mentions/{changed}/act", data={"action": "answered"})
    page = at(ann, ann.post("/bulk", data={"ids": boxes, "action": "label:promoter"}))
    assert "Done for 1 mention;" in said(page)
    assert "2 left as they are: bea" in said(page)
    assert [filled.case(its).state for its in (held, changed, free)] == ["new", "answered", "ignored"]


def test_what_is_not_there_is_told_and_the_others_are_done(filled: Filled) -> None:
    its_id, client = filled.flag("1"), filled.desk.client()
    page = at(client, client.post("/bulk", data={"ids": [its_id, f"{0:020x}-{0:012x}"], "action": "answered"}))
    assert "Done for 1 mention; undo takes back all of them. 1 left as it is: There is no such mention." in said(page)
    assert filled.case(its_id).state == "answered"


def test_bulk_without_anything_selected_says_so(filled: Filled) -> None:
    client = filled.desk.client()
    assert "Select some" in said(at(client, client.post("/bulk", data={"action": "answered"})))


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_back_is_never_somewhere_else(filled: Filled, back: str) -> None:
    client = filled.desk.client()
    for path, data in (("/bulk", {"action": "ignore"}), ("/undo", {}), ("/views", {"action": "drop", "name": "x"})):
        answer = client.post(path, data={**data, "back": back})
        assert answer.status_code == 303
        assert answer.headers["location"] in ("/", "/views")


def test_ids_that_are_none_are_refused_and_nothing_is_changed(filled: Filled) -> None:
    its_id = filled.flag("1")
    client = filled.desk.client()
    for wrong in ("../../etc/passwd", "1 OR 1=1", its_id + "'", its_id.upper() + "0"):
        assert client.post("/bulk", data={"ids": [its_id, wrong], "action": "answered"}).status_code == 404
    assert client.post("/bulk", data={"ids": [its_id] * 201, "action": "answered"}).status_code == 400
    assert filled.case(its_id).state == "new"


# -- undo


def test_undo_goes_back_step_by_step(filled: Filled) -> None:
    its_id = filled.flag("1")
    client = filled.desk.client()
    for action in ("label:promoter", "thanked"):
        client.post(f"/mentions/{its_id}/act", data={"action": action})
    assert filled.case(its_id).state == "answered"
    client.post("/undo")
    assert filled.case(its_id).state == "ignored"
    client.post("/undo")
    assert (filled.case(its_id).state, filled.case(its_id).due_at is None) == ("new", False)
    whole = filled.store.whole(its_id)
    assert whole is not None
    assert whole.item.review is None
    assert "nothing that could be undone" in said(at(client, client.post("/undo")))


def test_undo_shows_the_row_again_where_htmx_asks(filled: Filled) -> None:
    its_id = filled.flag("1")
    client = filled.desk.client()
    client.post(f"/mentions/{its_id}/act", data={"action": "answered"})
    answer = client.post("/undo", headers=HTMX)
    assert order(answer) == [its_id]
    assert "data-said=" in answer.text
    assert client.post("/undo", headers=HTMX).status_code == 409


def test_what_somebody_else_changed_since_is_not_undone(filled: Filled) -> None:
    its_id = filled.flag("1")
    ann, bea = filled.desk.client(name="ann"), filled.desk.client(name="bea")
    ann.post(f"/mentions/{its_id}/act", data={"action": "answered"})
    bea.post(f"/mentions/{its_id}/act", data={"action": "reopen"})
    assert "bea was here meanwhile" in said(at(ann, ann.post("/undo")))
    assert filled.case(its_id).state == "new"


# -- views


def test_a_view_is_kept_shown_and_dropped(filled: Filled) -> None:
    client = filled.desk.client(name="ann")
    kept = {"action": "save", "name": " My  <b>view</b> ", "query": "label=detractor&q=&after=x", "back": "/"}
    page = at(client, client.post("/views", data=kept))
    assert "My &lt;b&gt;view&lt;/b&gt;" in page.text
    assert 'href="/?label=detractor"' in page.text
    assert "My" not in filled.desk.client(name="bea").get("/views").text
    client.post("/views", data={"action": "drop", "name": "My <b>view</b>"})
    assert filled.store.views("ann") == []


def test_only_admins_keep_views_for_everybody(filled: Filled) -> None:
    for role, owner in (("reviewer", "reviewer"), ("admin", "")):
        client = filled.desk.client(role)  # type: ignore[arg-type]
        client.post("/views", data={"action": "save", "name": role, "query": "state=new", "shared": "1"})
        (view,) = [one for one in filled.store.views(role) if one.name == role]
        assert view.owner == owner


def test_a_view_without_a_name_or_with_a_filter_that_cannot_be_is_refused(filled: Filled) -> None:
    client = filled.desk.client()
    assert client.post("/views", data={"action": "save", "name": " ", "query": ""}).status_code == 400
    assert client.post("/views", data={"action": "save", "name": "x", "query": "label=great"}).status_code == 400
    assert filled.store.views("reviewer") == []


# -- hostile posts


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\u202e'


def test_whatever_a_post_says_is_only_text(filled: Filled) -> None:
    filled.flag(
        "1",
        title=HOSTILE,
        text=f"Acme {HOSTILE}",
        handle=HOSTILE,
        source=HOSTILE,
        url="javascript:alert(1)",
        thread=HOSTILE,
    )
    client = filled.desk.client()
    its_id = filled.store.queue(Filter(), stamp(filled.desk.now)).items[0].mention.id
    for path in ("/", "/mentions", f"/mentions/{its_id}"):
        page = client.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "javascript:" not in page.text.lower()
        assert "49" not in re.sub(r"[0-9a-f]{12,}", "", page.text).replace("{{7*7}}", "")
