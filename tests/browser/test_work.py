"""A day at the desk, in a real browser: ten mentions by keyboard, many at once, two people at the same post."""

from __future__ import annotations

from typing import Any

import pytest

from storage.records import stamp
from tests.browser.conftest import PHONE, Visitors, log_in, overflow, said, shot, sync_api
from tests.desk import DeskAt
from tests.made import ago, arrival, audit, case

expect = sync_api.expect
OPEN = 14

KEYS = (
    ("p", "Labelled promoter"),
    ("d", "Labelled detractor"),
    ("s", "Labelled passive"),
    ("n", "Labelled no opinion"),
    ("x", "Labelled not us"),
    ("a", "Assigned to you"),
    ("e", "Answered"),
    ("t", "Thanked"),
    ("z", "Snoozed until"),
    ("p", "Labelled promoter"),
)


@pytest.fixture(autouse=True)
def mentions(desk: DeskAt) -> list[str]:
    """Their ids, in the order of the queue."""
    made = [
        arrival(
            str(n),
            label="detractor",
            handle=f"author{n}",
            text=f"Acme lost my order number {n}, and nobody answers.",
            at=ago(hours=OPEN - n),
            published_at=ago(hours=OPEN - n),
        )
        for n in range(OPEN)
    ]
    desk.store.add_page(made, stamp(desk.now))
    for n, one in enumerate(made):
        due = ago(hours=OPEN - n - 4)
        desk.store.open_case(case(one, due_at=due, urgent_at=due))
    return [one.mentions[0][0].id for one in made]


def row(page: Any, mention_id: str) -> Any:
    return page.locator(f"#m-{mention_id}")


def at(page: Any) -> str:
    """The mention one is at."""
    return str(page.evaluate("() => document.activeElement.id")).removeprefix("m-")


def press(page: Any, key: str, says: str) -> None:
    page.evaluate("() => { document.getElementById('flash').textContent = ''; }")
    page.keyboard.press(key)
    said(page, says)


def states(desk: DeskAt, mentions: list[str]) -> list[tuple[str, str]]:
    """(state, label by a person) of each."""
    found = [desk.store.whole(one) for one in mentions]
    assert all(found)
    return [
        (one.item.case.state if one.item.case else "", one.item.review.label if one.item.review else "")
        for one in found
        if one
    ]


def test_ten_mentions_by_keyboard_only(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    page = visitors.enter("bea")
    worked = []
    for key, says in KEYS:
        page.keyboard.press("j")
        worked.append(at(page))
        press(page, key, says)
        assert at(page) == worked[-1], "the focus stays where it was"
    assert worked == mentions[:10]
    assert states(desk, mentions) == [
        *(("ignored", "promoter"), ("new", "detractor"), ("ignored", "passive"), ("ignored", "no_opinion")),
        *(("not_us", "not_us"), ("assigned", ""), ("answered", ""), ("answered", ""), ("waiting", "")),
        *(("ignored", "promoter"), *(("new", ""),) * 4),
    ]
    assert all(event.who == "bea" for one in worked for event in desk.store.whole(one).events)  # type: ignore[union-attr]
    shot(page, "queue-worked")
    press(page, "u", "Undone: labelled promoter")
    press(page, "u", "Undone: snoozed")
    assert states(desk, mentions)[8:10] == [("new", ""), ("new", "")]
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mentions/*")
    press_and_load(page, "e", "Answered")
    page.keyboard.press("?")
    page.wait_for_url("**/help")


def press_and_load(page: Any, key: str, says: str) -> None:
    """On a mention's own page the form is sent as it is."""
    with page.expect_navigation():
        page.keyboard.press(key)
    said(page, says)


def test_search_and_filters_stand_in_the_address(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    desk.app.settle()
    page = visitors.enter("bea")
    page.keyboard.press("/")
    page.keyboard.type("author7 j d")  # keys in a field are letters
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=author7+j+d")
    page.goto("/mentions")
    page.keyboard.press("/")
    page.keyboard.type("author7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mentions?q=author7")
    expect(page.locator(".row")).to_have_count(1)
    page.goto("/")
    page.locator("summary", has_text="Label").click()
    page.locator("input[name=label][value=promoter]").check()
    page.locator("h1").click()
    page.wait_for_url("**/?label=promoter")
    expect(page.locator(".row")).to_have_count(0)
    page.locator(".keep summary").click()
    page.fill(".keep input[name=name]", "Happy")
    page.locator(".keep button").click()
    expect(page.locator("nav.views a", has_text="Happy")).to_have_attribute("aria-current", "true")
    assert states(desk, mentions) == [("new", "")] * OPEN


def test_many_at_once_and_all_of_them_back(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    page = visitors.enter("bea")
    boxes = page.locator(".pick input")
    for n in range(4):
        boxes.nth(n).check()
    expect(page.locator("#picked")).to_have_text("4 selected:")
    shot(page, "queue-selected")
    page.locator("#bulk button", has_text="Answered").click()
    said(page, "Done for 4 mentions")
    assert states(desk, mentions)[:5] == [("answered", "")] * 4 + [("new", "")]
    press(page, "u", "Undone on 4 mentions")
    assert states(desk, mentions) == [("new", "")] * OPEN
    expect(page.locator(".row")).to_have_count(OPEN)


def test_two_people_do_not_answer_the_same_post(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    ann, bea = visitors.enter("ann"), visitors.enter("bea")
    with ann.expect_response(lambda answer: answer.url.endswith("/act") and answer.ok):
        ann.goto(f"/mentions/{mentions[0]}")  # opening it claims it
    row(bea, mentions[0]).locator(".from").click()
    press(bea, "e", "ann is working on this")
    expect(row(bea, mentions[0])).to_contain_text("ann is on it")
    visitors.watch.refused(409)
    shot(bea, "queue-held")
    assert states(desk, mentions)[0] == ("new", "")
    bea.goto(f"/mentions/{mentions[0]}")
    expect(bea.locator(".held")).to_contain_text("ann")
    shot(bea, "mention-held")
    press_and_load(ann, "e", "Answered")
    assert states(desk, mentions)[0] == ("answered", "")
    press_and_load(bea, "t", "ann was here meanwhile (answered)")
    press_and_load(bea, "t", "Thanked")
    assert [(event.who, event.what) for event in desk.store.whole(mentions[0]).events] == [  # type: ignore[union-attr]
        ("ann", "answered"),
        ("bea", "thanked"),
    ]


def test_what_was_changed_meanwhile_is_shown_instead(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    ann, bea = visitors.enter("ann"), visitors.enter("bea")
    for page, key, says in ((ann, "p", "Labelled promoter"), (bea, "d", "ann was here meanwhile (labelled)")):
        row(page, mentions[0]).locator(".from").click()
        press(page, key, says)
    visitors.watch.refused(409)
    expect(row(bea, mentions[0]).locator(".chip")).to_contain_text("promoter")
    assert states(desk, mentions)[0] == ("ignored", "promoter")


def test_an_audited_mention_tells_nothing_until_it_is_labelled(
    visitors: Visitors, desk: DeskAt, mentions: list[str]
) -> None:
    drawn = arrival("drawn", text="Acme is fantastic, thank you all.")
    desk.store.add_page([drawn], stamp(desk.now))
    desk.store.add_audit(*audit(drawn))
    its_id = drawn.mentions[0][0].id
    page = visitors.enter("bea", path=f"/mentions/{its_id}")
    expect(page.locator(".machine")).to_contain_text("What do you think?")
    assert "promoter" not in page.locator(".machine").inner_text().lower()
    assert page.locator("mark.praise, .weights").count() == 0
    shot(page, "mention-blind")
    press_and_load(page, "n", "Labelled no opinion")
    expect(page.locator(".machine")).to_contain_text("The machine takes it for")
    assert desk.store.whole(its_id).item.review.sampled_by == "audit"  # type: ignore[union-attr]


def test_everything_works_without_javascript(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    desk.add("bea")
    page = visitors.enter(java_script_enabled=False)
    log_in(page, "bea")
    row(page, mentions[1]).locator("button[value='label:passive']").click()
    said(page, "Labelled passive")
    assert states(desk, mentions)[1] == ("ignored", "passive")
    page.locator("#undo button").click()
    said(page, "Undone: labelled passive")
    assert states(desk, mentions)[1] == ("new", "")
    for n in (2, 3):
        page.locator(".pick input").nth(n).check()
    page.locator("#bulk button", has_text="Take").click()
    said(page, "Done for 2 mentions")
    assert states(desk, mentions)[2:4] == [("assigned", "")] * 2
    row(page, mentions[4]).locator("button[value=snooze]").click()
    said(page, "Snoozed until")
    assert states(desk, mentions)[4] == ("waiting", "")
    page.locator("summary", has_text="State").click()
    page.locator("input[name=state][value=assigned]").check()
    page.locator("form.filters button").click()
    page.wait_for_url("**state=assigned*")
    expect(page.locator(".row")).to_have_count(2)
    page.locator("a.said").first.click()
    page.fill("#note", "Called them.\nThey were kind.")
    page.locator("form.note button").click()
    said(page, "Note kept")
    expect(page.locator(".trail .noted")).to_have_text("Called them. They were kind.")
    page.locator("button[value=answered]").click()
    said(page, "Answered")
    shot(page, "mention-without-javascript")
    page.locator(".who button").click()
    page.wait_for_url("**/login")


def test_a_day_fits_on_a_phone(visitors: Visitors, desk: DeskAt, mentions: list[str]) -> None:
    page = visitors.enter("bea", viewport=PHONE, has_touch=True)
    first = row(page, mentions[0])
    for name in ("label:promoter", "assign", "answered", "thanked", "snooze"):
        box = first.locator(f"button[value='{name}']").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], name
        assert box["height"] >= 32, "as high as a finger needs"
    first.locator("button[value='label:detractor']").tap()
    said(page, "Labelled detractor")
    for n in (1, 2):
        page.locator(".pick").nth(n).tap()
    expect(page.locator("#picked")).to_have_text("2 selected:")
    page.locator("#bulk button", has_text="Answered").tap()
    said(page, "Done for 2 mentions")
    page.locator(".picker summary", has_text="State").tap()
    page.locator("input[name=state][value=new]").tap()
    page.locator("h1").tap()
    page.wait_for_url("**/?state=new")
    page.locator("a.said").first.tap()
    page.wait_for_url("**/mentions/*")
    page.locator("button[value=undo]").tap()
    said(page, "Undone: labelled detractor")
    assert overflow(page) <= 0
    assert states(desk, mentions)[:4] == [("new", ""), ("answered", ""), ("answered", ""), ("new", "")]
