"""Subscription lists from any reader come in, and go out again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import opml

_LIST = b"""<?xml version="1.0"?>
<opml version="1.0"><head><title>mine</title></head><body>
  <outline text="News">
    <outline text="Acme &amp; Co" title="Acme &amp; Co blog" type="rss" xmlUrl="https://acme.example/feed" htmlUrl="https://acme.example/"/>
    <outline text="No title" type="rss" xmlUrl=" https://b.example/feed "/>
  </outline>
  <outline text="again" xmlUrl="https://acme.example/feed"/>
  <outline text="local" xmlUrl="file:///etc/passwd"/>
  <outline text="just a folder"/>
</body></opml>"""


def test_feeds_in_folders_come_in_the_order_of_the_list_each_once() -> None:
    assert opml.read(_LIST) == [
        ("Acme & Co blog", "https://acme.example/feed"),
        ("No title", "https://b.example/feed"),
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not XML"),
        (b"<opml><body>", "is not XML"),
        (b"<rss/>", "begins with <rss> where <opml> should be"),
        (b'<?xml version="1.0" encoding="shift_jis"?><opml/>', "is not XML"),
        (b'<?xml version="1.0" encoding="no-such-thing"?><opml/>', "is not XML"),
        (b'<!DOCTYPE opml [<!ENTITY a "b">]><opml/>', "declares entities"),
    ],
)
def test_what_is_no_subscription_list_is_refused_in_a_sentence(body: bytes, why: str) -> None:
    with pytest.raises(opml.NoOpml, match=why):
        opml.read(body)


_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=30)


@given(
    st.lists(st.builds(opml.Outline, _TEXT, st.uuids().map(lambda u: f"https://{u}.example/a?b=1&c=<2>")), max_size=9)
)
def test_what_is_written_is_read_again(outlines: list[opml.Outline]) -> None:
    read = opml.read(opml.write(outlines).encode())
    assert [url for _, url in read] == [url for _, url in outlines]
