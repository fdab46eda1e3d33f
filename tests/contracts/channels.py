"""The obligations of `listener.alerts.channels.contract.Channel`, for any channel: subclass and say how to make one.

class TestMine(ChannelContract):
    limit = 4_096

    def make(self, url: str) -> Channel: ...
    def size(self, body: bytes) -> int: ...  # in the unit of the limit

`limit` and `size` say what the receiver takes. Override `body` for what is not posted, `texts` for what readers see
elsewhere than in the strings of a JSON body, and set `shown = False` where programs read, who get content as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.http import HttpClient
from listener.alerts import notice as notices
from listener.alerts.channels.contract import Channel, ChannelOptions, DeliveryError, Probes
from listener.alerts.notice import Count, Digest, Line, Notice
from tests.notices import NOTICES
from tests.standins.chat import LOST, RESET, ChatServer, Say

NOW = datetime(2026, 11, 22, 2, 47, 23, tzinfo=UTC)
KEY = "k2r5znsyqfdxsdlm"

NOTICE = Notice(
    type="mention.detractor",
    found_at="2026-11-22T02:47:20.000Z",
    brand="Acme",
    rule="angry",
    label="detractor",
    value=-0.62,
    confidence=0.91,
    language="en",
    source="hn",
    author="alice",
    title="Acme lost my data",
    text="Third crash this week & support is <silent>.",
    url="https://example.org/posts/1?a=1&b=2",
    published_at="2026-11-22T02:40:00.000Z",
    explanation=(("crash", -0.42), ("silent", -0.2)),
    why=("acme",),
    mention_id="mention1",
)
DIGEST = Notice(
    type="mention.digest",
    found_at="2026-11-22T02:47:20.000Z",
    rule="flood guard",
    title="143 mentions in one message",
    digest=Digest(
        total=143,
        counts=(Count("Acme", "detractor", 120), Count("Acme", "promoter", 23)),
        surest=tuple(Line("Acme", "detractor", 0.99, f"Title {n}", f"https://example.org/{n}") for n in range(10)),
        members=tuple(f"member{n}" for n in range(143)),
    ),
)


INJECTIONS = [
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<!subteam^S123>",
    "<@U123ABC>",
    "<@&123>",
    "<#C123>",
    "<users/all>",
    "<users/123456789>",
    "<at>everyone</at>",
    "<t:1:R></say:1>",
    "@channel",
    "@here look",
    "hey @everyone!",
    "@all",
    "＠all",
    "@\x00channel",
    "@\u202echannel",
    "<https://evil.example|https://bank.example>",
    "[bank.example](https://evil.example)",
    "[bank.example](<https://evil.example>)",
    "\\[bank.example\\](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "[bank]\x00(https://evil.example)",
    "[bank][1]\n\n[1]: https://evil.example",
    "&lt;!channel&gt;",
    "&#64;channel &commat;all",
    "<<!channel>>",
    "&amp;lt;!channel>",
    "<\n!channel>",
    "\u2028<!channel>",
    "<!date^1392734382^{date}^https://evil.example|click>",
    "{{DATE(2017-02-14T06:00:00Z, SHORT)}}",
    '<a href="https://evil.example">bank</a>',
    "</b></font><script>alert(1)</script>",
    "*bold* _it_ ~no~ `code` ||spoiler|| # head\n> quote\n- list\n1. one\n```\nblock",
]

_OURS = re.compile(
    r"\[Open (?:post|at the desk)\]\(https://[a-z]+\.example[^)\s]*\)"
    r"|<https://[a-z]+\.example[^|>]*\|Open post>"
    r'|<a href="https://[a-z]+\.example[^"<>]*">Open (?:post|at the desk)</a>'
    r'|</?b>|<br>|<font color="#5f6368">|</font>'
)
"""The markup that is ours: links with words of our own, and looks."""


def everywhere(text: str) -> tuple[Notice, ...]:
    """A mention, a digest, and what is no mention, with `text` in every field but the links."""
    mention = replace(
        NOTICE,
        brand=text,
        rule=text,
        label=text,
        language=text,
        source=text,
        author=text,
        title=text,
        text=text,
        explanation=((text, -1.0),) * 10,
        why=(text,) * 10,
        reasons=(text,) * 10,
        facts=((text, text),) * 20,
    )
    digest = Digest(
        total=99,
        counts=(Count(text, text, 9),) * 50,
        surest=tuple(Line(text, text, 0.9, text, f"https://posts.example/{n}") for n in range(10)),
        members=("m",) * 99,
    )
    told = replace(mention, label="", url="", desk="https://desk.example/queue")
    others = (replace(told, type=kind) for kind in ("brand.spike", "report", "ops.channel"))
    return mention, replace(DIGEST, title=text, rule=text, digest=digest), *others


class Caught:
    """An Http that keeps what is posted, and says yes to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def post(self, url: str, *, json: Any = None, content: bytes | None = None, **_: Any) -> Any:
        self.bodies.append(as_bytes(json) if content is None else content)
        return SimpleNamespace(status=200, headers={}, body=b'{"ok":true}', json=lambda: {"ok": True})


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


_HOSTILE = st.one_of(
    st.text(alphabet=st.characters(), max_size=300),
    st.lists(st.sampled_from([*INJECTIONS, "😀", "e\u0301\u0302", "שלום", "👩\u200d👧", "\ud83d", "_", "*", "a"])).map(
        "".join
    ),
).flatmap(lambda text: st.integers(0, 2_500).map(lambda longest: (text * 2_500)[:longest] if text else ""))


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(
        user_agent="Listener tests (+https://example.org)",
        now=lambda: NOW,
        deadline=5.0,
        allow_private=["127.0.0.1/32"],
    ) as client:
        yield client


class ChannelContract:
    limit: int = 60_000
    shown: bool = True

    def make(self, url: str) -> Channel:
        raise NotImplementedError

    def size(self, body: bytes) -> int:
        return len(body)

    def body(self, notice: Notice) -> bytes:
        """What is sent for `notice`."""
        caught: Any = Caught()
        self.make("https://example.org/hook").deliver(notice, key=KEY, now=NOW, http=caught)
        (body,) = caught.bodies
        return bytes(body)

    def texts(self, body: bytes) -> Iterable[str]:
        """All that a reader gets to see, the addresses behind buttons left out."""
        return (text for text in strings(json.loads(body)) if not text.startswith(("https://posts.", "https://desk.")))

    def test_it_is_a_channel_with_a_pace_and_options_that_refuse_unknown_keys(self) -> None:
        channel = self.make("https://example.org/hook")
        assert isinstance(channel, Channel)
        assert channel.per_second > 0
        assert issubclass(type(channel).options, ChannelOptions)
        assert type(channel).options.model_config.get("extra") == "forbid"
        assert type(channel).options.model_config.get("hide_input_in_errors") is True

    @pytest.mark.parametrize("notice", [NOTICE, DIGEST, notices.test_notice("mine", NOW)], ids=lambda n: n.type)
    def test_one_delivery_is_one_request(self, notice: Notice, http: HttpClient) -> None:
        with ChatServer() as chat:
            self.make(chat.url).deliver(notice, key=KEY, now=NOW, http=http)
        assert len(chat.heard) == 1

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_any_2xx_is_success_whatever_it_says(self, status: int, http: HttpClient) -> None:
        with ChatServer([Say(status, body=b"" if status == 204 else b"<html>fine</html>")]) as chat:
            self.make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
        assert len(chat.heard) == 1

    def test_the_same_notice_under_the_same_key_gives_the_same_bytes(self, http: HttpClient) -> None:
        with ChatServer() as chat:
            channel = self.make(chat.url)
            channel.deliver(NOTICE, key=KEY, now=NOW, http=http)
            channel.deliver(Notice.from_json(NOTICE.to_json()), key=KEY, now=NOW + timedelta(hours=1), http=http)
        first, second = chat.heard
        assert first.body == second.body
        assert first.key == second.key

    @pytest.mark.parametrize(
        "say", [Say(500), Say(502), Say(504), RESET, LOST], ids=["500", "502", "504", "reset", "lost"]
    )
    def test_trouble_that_may_pass_is_not_permanent(self, say: Say, http: HttpClient) -> None:
        error = self._fails(say, http)
        assert error.permanent == ""
        assert not error.throttled

    def test_429_hands_on_when_to_come_back(self, http: HttpClient) -> None:
        error = self._fails(Say(429, {"Retry-After": "17"}), http)
        assert error.throttled
        assert error.permanent == ""
        assert error.retry_after == NOW + timedelta(seconds=17)

    def test_410_closes_the_channel(self, http: HttpClient) -> None:
        assert self._fails(Say(410), http).permanent == "channel"

    def test_a_redirect_is_a_failure_and_not_followed(self, http: HttpClient) -> None:
        with ChatServer() as other:
            error = self._fails(Say(307, {"Location": other.url}), http)
            assert other.heard == []
        assert error.permanent == ""

    def test_a_private_address_that_nobody_allowed_says_how_to_allow_it(self) -> None:
        with HttpClient(user_agent="x", now=lambda: NOW) as guarded, ChatServer() as chat:
            with pytest.raises(DeliveryError) as caught:
                self.make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=guarded)
            assert chat.heard == []
        assert caught.value.permanent == "channel"
        assert "[alerting] allow_private" in str(caught.value)

    @pytest.mark.parametrize(
        "text", ["", "x" * 100_000, "&" * 5_000, "\x00\n\t\u202e\u2028", "😀" * 5_000, '"\\' * 5_000]
    )
    def test_empty_long_and_odd_fields_neither_break_nor_bloat_a_message(self, text: str, http: HttpClient) -> None:
        with ChatServer() as chat:
            for notice in everywhere(text):
                self.make(chat.url).deliver(notice, key=KEY, now=NOW, http=http)
        for heard in chat.heard:
            heard.body.decode("utf-8")
            assert len(heard.body) < 60_000

    @given(_HOSTILE)
    @example("x" * 2_500)
    @example("😀" * 2_500)
    @example('"\\\n' * 800)
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_whatever_is_found_stays_under_the_limit_in_the_receivers_own_unit(self, text: str) -> None:
        for notice in everywhere(text):
            assert self.size(self.body(notice)) <= self.limit

    @pytest.mark.parametrize("text", INJECTIONS)
    def test_nobody_is_called_and_no_link_is_hidden_by_content(self, text: str) -> None:
        if not self.shown:
            pytest.skip("programs read it, and get content as it is")
        for notice in everywhere(f"{text} {text}"):
            for shown in self.texts(self.body(replace(notice, url="https://posts.example/1"))):
                theirs = _OURS.sub("", shown)
                assert not re.search(r"[@＠]\w", theirs)
                assert not re.search(r"<[!@#\w/]", theirs)
                assert "](" not in theirs
                assert not re.search("[\x00\u202e\u2028]", theirs)

    @pytest.mark.parametrize("notice", NOTICES.values(), ids=NOTICES)
    def test_a_link_is_there_whole(self, notice: Notice) -> None:
        sent = self.body(notice).decode()
        for url in (notice.url, notice.desk):
            assert url in sent.replace("%28", "(").replace("%29", ")")

    def test_a_link_outlasts_everything_else(self) -> None:
        for notice in everywhere("😀<*" * 4_000):
            linked = replace(notice, url="https://posts.example/" + "p" * 900, digest=None)
            assert linked.url in self.body(linked).decode()

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "data:text/html,x", "https://a b", "https://x|y", 'https://x/"']
    )
    def test_nobody_is_sent_where_no_browser_should_go(self, url: str) -> None:
        if self.shown:
            linked = as_bytes(url)[1:-1]
            assert linked not in self.body(replace(NOTICE, url=url, desk=url))

    @pytest.mark.parametrize("say", [Say(404), Say(410), Say(500), RESET], ids=["404", "410", "500", "reset"])
    def test_a_probe_raises_where_no_message_would_arrive(self, say: Say, http: HttpClient) -> None:
        if not isinstance(self.make("https://example.org/hook"), Probes):
            pytest.skip("it cannot be tried without sending")
        error = self._fails(say, http, probe=True)
        assert error.permanent == "channel" or say.status != 410

    def _fails(self, say: Say, http: HttpClient, *, probe: bool = False) -> DeliveryError:
        with ChatServer([say, say]) as chat:
            channel = self.make(chat.url)
            with pytest.raises(DeliveryError) as caught:
                if probe and isinstance(channel, Probes):
                    channel.probe(http)
                else:
                    channel.deliver(NOTICE, key=KEY, now=NOW, http=http)
            assert len(chat.heard) == 1 or probe  # a GET that was cut off is asked once more
        assert "secret-token" not in str(caught.value)
        assert "T000" not in str(caught.value)
        return caught.value
