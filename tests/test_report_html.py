"""The report as HTML: one file that is valid, loads nothing, runs nothing, and says what the others say."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser
from itertools import chain, pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.text import clean
from listener.desk.charts import Interval
from listener.report import drawing, html, words
from listener.report.build import Report, build
from listener.report.sections import Day, Strip
from storage.records import Arrival
from storage.sqlite import SqliteStore
from tests.browser.payloads import PAYLOADS
from tests.conftest import NOW, Golden
from tests.made import AT, ago, arrival
from tests.test_report import BERLIN, OPEN, RENDERERS, fill, fill_long, full_report, long_report, report

MAKERS: dict[str, Callable[[SqliteStore], Report]] = {
    "report": lambda store: (fill(store), report(store))[1],
    "long_report": lambda store: (fill_long(store), long_report(store))[1],
    "full_report": full_report,
    "empty_report": report,
}
NEVER = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "link",
    "base",
    "img",
    "image",
    "use",
    "video",
}
BARRED = {
    "style",
    "src",
    "srcset",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "ping",
    "xlink:href",
    "srcdoc",
}


def parsed(text: str) -> Element:
    """The document; an error for anything that is not as the standard has it."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    assert isinstance(tree, Element)
    return tree


def said(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


class Tags(HTMLParser):
    """Which elements were not closed, or not in their turn: the standard lets some be, we do not."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"{tag} at {self.getpos()}")


def faults(tree: Element) -> Iterator[str]:
    """What the parser does not look at."""
    ids = Counter(one.get("id") for one in tree.iter() if one.get("id"))
    yield from (f"id {name} stands twice" for name, many in ids.items() if many > 1)
    for one in tree.iter():
        name = local(one)
        for attribute in ("aria-labelledby", "aria-describedby"):
            yield from (f"{name} is named by {n}" for n in (one.get(attribute) or "").split() if n not in ids)
        if name == "a" and (one.get("href") or "").startswith("#") and (one.get("href") or "")[1:] not in ids:
            yield f"a leads nowhere: {one.get('href')}"
        if name == "svg" and one.get("role") == "img" and not (one.get("aria-label") or one.get("aria-labelledby")):
            yield "a drawing says nothing"
        if name == "th" and not (one.get("scope") and said(one)):
            yield "a head of a table is of nothing"
        if name == "table" and len({len(line) for line in one.iter("tr")}) > 1:
            yield "a table is ragged"
        if name in ("ol", "ul") and {local(child) for child in one} != {"li"}:
            yield "a list has other than items"
        if name == "dl" and not len(one):
            yield "a list of terms is empty"
    levels = [int(local(one)[1]) for one in tree.iter() if re.fullmatch("h[1-6]", local(one))]
    yield from (f"h{now} follows h{before}" for before, now in pairwise(levels) if now > before + 1)


def intruders(tree: Element) -> Iterator[str]:
    """What would load something, run something, or lead to an address that is none of the web."""
    for one in tree.iter():
        name = local(one)
        if name in NEVER or (name == "meta" and one.get("http-equiv") not in (None, "Content-Security-Policy")):
            yield name
        for attribute, value in one.attrib.items():
            if attribute in BARRED or attribute.startswith("on"):
                yield f"{name} {attribute}"
            if attribute == "href" and not re.match(r"https?://|#r\d+$", value, re.IGNORECASE):
                yield f"{name} leads to {value}"


# -- golden


@pytest.mark.parametrize("name", MAKERS)
def test_the_page_reads_as_agreed(store: SqliteStore, name: str, golden: Golden) -> None:
    golden(f"report/{name}.html", html.render([MAKERS[name](store)]))


# -- one valid file


@pytest.mark.parametrize("name", MAKERS)
def test_the_page_is_valid(store: SqliteStore, name: str) -> None:
    rendered = html.render([MAKERS[name](store)])
    tree, tags = parsed(rendered), Tags(rendered)
    assert not list(faults(tree)) + list(intruders(tree)) + tags.open + tags.wrong


def test_several_brands_are_one_valid_page(store: SqliteStore) -> None:
    fill(store)
    tree = parsed(html.render([report(store), report(store, brand="Rival"), report(store)]))
    assert not list(faults(tree))
    assert [said(one) for one in tree.iter("h1")] == ["Acme", "Rival", "Acme"]
    assert [one.get("href") for one in next(tree.iter("nav")).iter("a")] == ["#r1", "#r2", "#r3"]


def test_the_page_may_load_nothing_and_run_nothing(store: SqliteStore) -> None:
    rendered = html.render([full_report(store)])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', rendered)
    assert policy and policy[1].startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert rendered.index("Content-Security-Policy") < rendered.index("<style>")
    assert not re.search(r"url\(|@import|expression\(", rendered)
    assert rendered.count("<style>") == 1 and len(rendered) < 60_000


def test_the_style_is_short_enough_for_mail() -> None:
    """Gmail drops a style sheet of more than 8,192 characters."""
    assert len((Path(html.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")) < 8_192


def test_two_pages_of_the_same_data_are_the_same_bytes(store: SqliteStore, tmp_path: Path) -> None:
    other = SqliteStore(tmp_path / "other.db")
    other.migrate()
    pages = [html.render([full_report(one)]) for one in (store, other)]
    other.close()
    assert pages[0] == pages[1]


# -- what strangers say


def hostile(payloads: list[str]) -> list[Arrival]:
    return [
        arrival(
            f"{number} {payload}",
            handle=payload,
            label=("detractor", "promoter")[number % 2],
            title=payload,
            text=f"Acme {payload}",
            url=payload if number % 3 else f"https://{payload}",
            source=payload,
            at=ago(hours=number % 160 + 1),
        )
        for number, payload in enumerate(payloads)
    ]


def hostile_report(store: SqliteStore, payloads: list[str]) -> Report:
    store.add_page(hostile(payloads), AT)
    return build(store, "Acme", NOW - timedelta(days=7), NOW, BERLIN, OPEN, len(payloads))


def test_nothing_that_a_stranger_says_is_markup(store: SqliteStore) -> None:
    payloads = [clean(payload) for payload in PAYLOADS[1::2]]
    rendered = html.render([hostile_report(store, payloads)])
    tree = parsed(rendered)
    assert not list(intruders(tree)) + list(faults(tree))
    told = said(tree)
    assert sum(" ".join(payload.split())[:40] in told for payload in payloads) > len(payloads) / 2


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_any_text_leaves_the_page_valid(text: str) -> None:
    made = html.Markup(html.escape(html._clean(text)))
    whole = f'<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><p>{made}</p></body></html>'
    assert not list(intruders(parsed(whole)))


def test_marks_that_turn_the_order_of_letters_are_left_out(store: SqliteStore) -> None:
    store.add_page([arrival("1", handle="ann", text="Acme \u202egood\u2066 it is\ufffe")], AT)
    rendered = html.render([report(store)])
    assert "Acme good it is" in rendered and not re.search("[\u202a-\u202e\u2066-\u2069\ufffe]", rendered)


def test_a_link_says_where_it_leads_and_tells_nobody_whence(store: SqliteStore) -> None:
    fill(store)
    tree = parsed(html.render([report(store)]))
    links = list(tree.iter("a"))
    assert {said(one) for one in links} == {"blog.example"}
    assert {one.get("rel") for one in links} == {"noopener noreferrer nofollow"}


# -- what it says


def test_the_page_says_what_the_text_says(store: SqliteStore) -> None:
    told = full_report(store)
    page = said(parsed(html.render([told])))
    for _, sentence in words.summary(told)[2:]:
        assert sentence.replace("`", "") in page
    for entry in chain.from_iterable(section.entries for section in html.section_words.sections(told)):
        assert " ".join(entry.said.split()) in page and entry.under in page


def test_a_withheld_number_is_a_reason(store: SqliteStore) -> None:
    page = said(parsed(html.render([report(store)])))
    assert "No number not enough opinions (n = 0 authors, 3 needed)" in page
    assert "No source is configured." in page and "nan" not in page


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_drawn_stands_in_a_table_too(store: SqliteStore, name: str) -> None:
    one = MAKERS[name](store)
    tree = parsed(html.render([one]))
    tables = [[[said(cell) for cell in line] for line in table.iter("tr")] for table in tree.iter("table")]
    heads = {tuple(table[0]): table[1:] for table in tables}
    weeks = heads.get(("Week", "Mentions", "Implied NPS"), [])
    assert [int(line[1]) for line in weeks] == [week.mentions for week in one.weeks]
    labels = heads[("Label", "Mentions", "")]
    assert {line[0]: int(line[1]) for line in labels if "unscored" not in line[0]} == {
        name: one.population.labels[label] for label, name in words.NAMES.items()
    }
    days = next((table for head, table in heads.items() if head[0] == "Day"), [])
    assert sum(int(cell) for line in days for cell in line[1:]) in (one.population.eligible, 0)


# -- drawings


def test_a_band_breaks_where_a_week_has_no_number() -> None:
    one = Interval(10.0, 0.0, 20.0)
    drawn = drawing.course("c", "", "", list("abcdef"), [one, one, None, one, None, one])
    assert drawn is not None
    assert (len(drawn.areas), len(drawn.lines), len(drawn.stands), len(drawn.gaps)) == (1, 1, 4, 2)
    assert drawing.course("c", "", "", ["a"], [None]) is None


intervals = st.tuples(*[st.floats(-100, 100)] * 3).map(sorted).map(lambda three: Interval(three[1], three[0], three[2]))


@given(st.lists(st.none() | intervals, min_size=1, max_size=160))
def test_every_week_is_drawn_within_its_frame(found: list[Interval | None]) -> None:
    drawn = drawing.course("c", "", "", [str(n) for n in range(len(found))], found)
    if drawn is None:
        assert not any(found)
        return
    assert len(drawn.stands) + len(drawn.gaps) == len(found)
    for stand in drawn.stands:
        assert 0 <= stand.x <= 100 and 0 <= stand.top <= stand.y <= stand.bottom <= drawn.inner
    assert len(drawn.written) <= 5


@given(st.lists(st.dictionaries(st.sampled_from(drawing.LABELS), st.integers(0, 10**6)), min_size=1, max_size=200))
def test_columns_are_as_high_as_their_counts(counts: list[dict[str, int]]) -> None:
    days = [Day(NOW + n * timedelta(days=1), NOW + (n + 1) * timedelta(days=1), one) for n, one in enumerate(counts)]
    several = drawing.columns(days)
    assert len(several) <= drawing.MOST_COLUMNS
    assert sum(sum(day.counts.values()) for day in several) == sum(sum(one.values()) for one in counts)
    assert (several[0].since, several[-1].until) == (days[0].since, days[-1].until)
    drawn = drawing.volume("v", "", "", [""] * len(several), [day.counts for day in several])
    top = max(sum(day.counts.values()) for day in several)
    foot = next(level.y for level in drawn.levels if level.zero)
    for mark in drawn.marks:
        assert mark.height >= 0 and mark.y + mark.height <= foot + 0.02 and mark.y >= 7.98
    assert bool(drawn.marks) is bool(top)


@given(st.lists(st.sampled_from(["heard", "partly", "failed", "not asked"]), min_size=1, max_size=400))
def test_a_ribbon_is_as_long_as_its_days(states: list[Any]) -> None:
    drawn = drawing.ribbon(Strip("blogs", tuple((str(n), how) for n, how in enumerate(states))))
    assert sum(mark.width for mark in drawn.marks) == pytest.approx(100, abs=0.5)
    assert all(before.kind != after.kind for before, after in zip(drawn.marks, drawn.marks[1:], strict=False))
    assert f"of {len(states)} days" in drawn.said


@pytest.mark.parametrize(("most", "nice"), [(0, 1), (1, 1), (3, 5), (7, 10), (11, 20), (99, 100), (120, 200)])
def test_a_scale_ends_on_a_round_number(most: int, nice: int) -> None:
    assert drawing.nice(most) == nice


def test_a_long_window_is_a_small_page(store: SqliteStore) -> None:
    store.add_page([arrival(str(n), handle=f"a{n}", at=ago(days=n)) for n in range(1, 1000)], AT)
    since = NOW - timedelta(days=1090)
    rendered = html.render([build(store, "Acme", since, NOW, BERLIN, OPEN, 5)])
    assert sys.getsizeof(rendered) < 400_000
    parsed(rendered)


def test_every_renderer_takes_the_same_reports(store: SqliteStore) -> None:
    fill(store)
    told = report(store)
    assert all(render([told]) for render in (*RENDERERS.values(), html.render))
