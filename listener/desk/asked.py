"""What people keep asking, with where it is answered; and praise that may be quoted, with its author's permission."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connectors.post import short_id
from listener.desk.context import Desk, Entry, desk_of, page, user_of
from listener.desk.doing import matcher_of, parse_id, whole
from listener.desk.scope import PERIODS, Scope, download, known_brand, scope_of
from listener.desk.security import form_of, local_path, see_other
from listener.desk.shown import Row, When, link, row, when
from listener.people_files import QUESTION, QUOTE, outdated, question_row, quotes
from listener.praise import is_quotable
from listener.questions import Group, asked_of
from storage.records import stamp
from storage.records_desk import Filter, Item
from storage.records_people import PERMITS, AnsweredAt, Permission

_PERIOD = "90d"
_PAGE = 50
_EXAMPLES = 5
_LONGEST_URL = 2_000

_ROUNDS, _AT_ONCE = 5, 100
"""Pages of promoters that are looked through for one page of quotes, and how many of them at once."""

_SNIPPET = "Hi {name}, thank you for asking about {brand}. This is answered here: {url}"
_UNANSWERED = "Hi {name}, thank you for asking about {brand}. I will find out and come back to you here."
_SAID = {
    "none": "Permission taken back to none.",
    "asked": "Noted: the author was asked.",
    "granted": "Noted: the author said yes.",
    "refused": "Noted: the author said no.",
}


class Asked(NamedTuple):
    """Questions that are the same, as the list shows them. `id` is the mention that asked first."""

    id: str
    text: str
    askers: int
    times: int
    latest: When
    examples: list[Row]
    url: str
    answered_by: str
    answered: When | None
    snippet: str


class Quote(NamedTuple):
    """`outdated`: the text was changed after its author was asked."""

    row: Row
    state: str
    set_by: str
    set_at: When | None
    outdated: bool


# -- questions


def questions(request: Request) -> Response:
    scope, desk = scope_of(request, _PERIOD), desk_of(request)
    found = [group for group in _groups(desk, scope) if group.place > scope.after]
    shown = [_asked(request, group, scope.brand) for group in found[:_PAGE]]
    after = found[_PAGE - 1].place if len(found) > _PAGE else ""
    back = scope.link(after=scope.after)
    return page(request, "questions.html", scope=scope, periods=PERIODS, asked=shown, after=after, back=back)


def questions_csv(request: Request) -> Response:
    return _questions_file(request, "csv")


def questions_json(request: Request) -> Response:
    return _questions_file(request, "json")


def answer(request: Request) -> Response:
    """Form fields: mention, brand, url ("" takes it away), back."""
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    mention_id = parse_id(str(form.get("mention", "")))[0]
    brand, url = known_brand(desk, str(form.get("brand", ""))), str(form.get("url", "")).strip()
    if url and (link(url) != url or len(url) > _LONGEST_URL or any(mark.isspace() for mark in url)):
        raise HTTPException(400, "That is no link: it begins with https:// or http:// and holds no spaces.")
    now = stamp(desk.now())
    its_id = short_id(mention_id, url, now, user.name)
    if not desk.store.set_answered_at(AnsweredAt(its_id, mention_id, brand, url, now, user.name)):
        raise HTTPException(404, "There is no such question.")
    back = local_path(str(form.get("back", "")), "/questions")
    return see_other(back, "The link is kept." if url else "The link is gone.")


def _groups(desk: Desk, scope: Scope) -> list[Group]:
    rivals = next((brand.rivals for brand in desk.config.settings.brands if brand.name == scope.brand), ())
    return asked_of(desk.store, scope.brand, rivals, scope.since, scope.until)


def _questions_file(request: Request, form: str) -> Response:
    scope = scope_of(request, _PERIOD)
    rows = [question_row(group, scope.brand) for group in _groups(desk_of(request), scope)]
    return download(rows, QUESTION, "questions", form)


def _asked(request: Request, group: Group, brand: str) -> Asked:
    desk, user = desk_of(request), user_of(request).name
    now, zone = desk.now(), desk.zone
    answer, newest = group.answer, group.asked[0]
    url = link(answer.url) if answer else ""
    only = newest.item.post.author if group.askers == 1 else ""
    snippet = _SNIPPET if url else _UNANSWERED
    return Asked(
        id=group.first.item.mention.id,
        text=group.first.text or newest.text,
        askers=group.askers,
        times=len(group.asked),
        latest=when(newest.at, now, zone),
        examples=[row(one.item, matcher_of(request), user, now, zone) for one in group.asked[:_EXAMPLES]],
        url=url,
        answered_by=answer.who if answer and url else "",
        answered=when(answer.set_at, now, zone) if answer and url else None,
        snippet=snippet.format(name=only or "there", brand=brand, url=url),
    )


# -- praise


def praise(request: Request) -> Response:
    scope = scope_of(request, _PERIOD, permission=PERMITS[1:])
    state = dict(scope.given)["permission"]
    found, after = _permitted(request, scope, state) if state else _quotable(request, scope)
    back = scope.link(after=scope.after)
    values: dict[str, Any] = {"scope": scope, "periods": PERIODS, "quotes": found, "after": after, "back": back}
    return page(request, "praise.html", **values, state=state, states=PERMITS[1:])


def praise_csv(request: Request) -> Response:
    return _praise_file(request, "csv")


def praise_json(request: Request) -> Response:
    return _praise_file(request, "json")


def permit(request: Request) -> Response:
    """Form fields: mention, action (of PERMITS), back."""
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    mention_id, state = parse_id(str(form.get("mention", "")))[0], str(form.get("action", ""))
    if state not in PERMITS:
        raise HTTPException(400, f"A permission is one of {', '.join(PERMITS)}.")
    whole(desk, mention_id)
    now = stamp(desk.now())
    its_id = short_id(mention_id, state, now, user.name)
    desk.store.set_permission(Permission(its_id, mention_id, state, now, user.name))
    return see_other(local_path(str(form.get("back", "")), "/praise"), _SAID[state])


def _quotable(request: Request, scope: Scope) -> tuple[list[Quote], str]:
    """Newest first; a page may hold fewer than it could, and still go on."""
    desk, found, after = desk_of(request), list[Item](), scope.after
    wanted = Filter(brands=(scope.brand,), labels=("promoter",), since=scope.since, until=scope.until)
    for _ in range(_ROUNDS if scope.brand else 0):
        listed = desk.store.mentions(wanted, after, _AT_ONCE)
        found += [item for item in listed.items if is_quotable(item)]
        after = listed.after
        if not after or len(found) >= _PAGE // 2:
            break
    set_to = desk.store.permissions([item.mention.id for item in found])
    away = _opted_out(desk, scope.brand, found)
    shown = [_quote(request, item, set_to.get(item.mention.id)) for item in found if item.mention.author_id not in away]
    return [quote for quote in shown if _names_brand(quote.row)], after if scope.brand else ""


def _permitted(request: Request, scope: Scope, state: str) -> tuple[list[Quote], str]:
    found = desk_of(request).store.permitted(scope.brand, state, scope.after, _PAGE)
    return [_quote(request, item, permission) for permission, item in found.items], found.after


def _opted_out(desk: Desk, brand: str, items: list[Item]) -> set[str]:
    notes = desk.store.notes(list({item.mention.author_id for item in items if item.mention.author_id}), brand)
    return {note.author_id for note in notes if note.what == "opted_out" and note.undone_at is None}


def _names_brand(shown: Row) -> bool:
    return any("brand" in piece.kind for piece in (*shown.title, *shown.text))


def _quote(request: Request, item: Item, permission: Permission | None) -> Quote:
    desk = desk_of(request)
    shown = row(item, matcher_of(request), user_of(request).name, desk.now(), desk.zone)
    if permission is None:
        return Quote(shown, "none", "", None, False)
    at = when(permission.set_at, desk.now(), desk.zone)
    return Quote(shown, permission.state, permission.who, at, outdated(permission, item))


def _praise_file(request: Request, form: str) -> Response:
    scope = scope_of(request, _PERIOD)
    return download(list(quotes(desk_of(request).store, scope.brand)), QUOTE, "praise", form)


ENTRIES = (
    Entry("/questions", questions),
    Entry("/questions.csv", questions_csv),
    Entry("/questions.json", questions_json),
    Entry("/questions/act", answer, "reviewer", ("POST",)),
    Entry("/praise", praise),
    Entry("/praise.csv", praise_csv),
    Entry("/praise.json", praise_json),
    Entry("/praise/act", permit, "reviewer", ("POST",)),
)
