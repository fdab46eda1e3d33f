"""Coming in and going out, in a real browser."""

from __future__ import annotations

import re

from tests.browser.conftest import Visitors, log_in, said, says, shot, sync_api
from tests.desk import DeskAt
from tests.made import AT, arrival

expect = sync_api.expect
ELSEWHERE = "http://127.0.0.2:1"


def test_a_person_logs_in_works_and_logs_out(visitors: Visitors, desk: DeskAt) -> None:
    desk.add("ann", "admin")
    page = visitors.enter(path="/mentions?label=promoter")
    expect(page).to_have_url(re.compile(r"/login\?next=/mentions"))
    shot(page, "login")
    log_in(page, "ann", "correct horse")
    expect(page.locator("[role=alert]")).to_have_text("The name or the password is wrong.")
    expect(page.locator("#name")).to_have_value("ann")
    visitors.watch.refused(403)
    log_in(page, "ann")
    page.wait_for_url("**/mentions?label=promoter")
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "listener"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    page.locator(".who button").click()
    said(page, "You are logged out.")
    page.context.add_cookies([cookie])  # stolen while it was good
    page.goto("/users")
    expect(page).to_have_url(re.compile(r"/login\?next=/users"))


def test_who_is_logged_out_meanwhile_is_sent_to_log_in(visitors: Visitors, desk: DeskAt) -> None:
    desk.store.add_page([arrival("1")], AT)
    page = visitors.enter("bea", path="/mentions")
    desk.store.end_sessions(user="bea")
    page.keyboard.press("j")
    page.keyboard.press("d")
    page.wait_for_url("**/login")
    visitors.watch.refused(403)
    assert desk.store.whole(arrival("1").mentions[0][0].id).item.review is None  # type: ignore[union-attr]


def test_a_viewer_is_offered_nothing_to_change(visitors: Visitors, desk: DeskAt) -> None:
    desk.store.add_page([arrival("1")], AT)
    its_id = arrival("1").mentions[0][0].id
    page = visitors.enter("vic", "viewer", path="/mentions")
    for path in ("/mentions", f"/mentions/{its_id}"):
        page.goto(path)
        assert page.locator("form[method=post]:not(.who)").count() == 0
        page.keyboard.press("j")
        page.keyboard.press("d")
    assert page.goto("/users").status == 403
    expect(page.locator("h1")).to_have_text("That takes the role admin; yours is viewer.")
    visitors.watch.refused(403)
    assert all(one.startswith("GET ") for one in visitors.watch.asked)


def test_another_site_can_neither_act_nor_frame(visitors: Visitors, desk: DeskAt) -> None:
    desk.store.add_page([arrival("1")], AT)
    its_id = arrival("1").mentions[0][0].id
    page = visitors.enter("bea", path="/mentions")
    act = f"{visitors.address}/mentions/{its_id}/act"
    form = f"<form method=post action='{act}'><input name=action value=ignore></form>"
    frame = f"<iframe src='{visitors.address}/mentions'></iframe>"
    for path, body in (("form", form), ("frame", frame)):
        page.route(f"{ELSEWHERE}/{path}", says(body))
    page.goto(f"{ELSEWHERE}/form")
    with page.expect_navigation():
        page.evaluate("() => document.forms[0].submit()")
    expect(page.locator("h1")).to_have_text("This came from another site, so nothing was done.")
    page.goto(f"{ELSEWHERE}/frame")
    assert len(page.frames) == 2 and all("Mentions" not in one.content() for one in page.frames)
    assert desk.store.whole(its_id).item.case is None  # type: ignore[union-attr]
    visitors.watch.alarms.clear()  # all of them the other site's
