"""One notice of each sort that people get to see, as the channels are given it: what golden files are made of."""

from __future__ import annotations

from listener.alerts.notice import Count, Digest, Line, Notice

_AT = "2026-11-22T02:47:20.000Z"
_DESK = "https://desk.example"

MENTION = Notice(
    type="mention.detractor",
    found_at=_AT,
    brand="Acme",
    rule="unhappy-customer",
    label="detractor",
    value=-0.62,
    confidence=0.91,
    language="en",
    source="hn",
    author="alice",
    title="Acme lost my data",
    text="Third crash this week & support is <silent>.\nIs @acme_help *asleep*? See [this](https://example.org/a_b).",
    url="https://example.org/posts/1?a=1&b=(2)",
    published_at="2026-11-22T02:40:00.000Z",
    explanation=(("crash", -0.42), ("silent", -0.2)),
    why=("acme",),
    mention_id="mention1",
    facts=(("Reach", "12,400 followers"),),
    desk=f"{_DESK}/mentions/mention1",
)
DIGEST = Notice(
    type="mention.digest",
    found_at=_AT,
    rule="flood guard",
    title="143 mentions in one message",
    digest=Digest(
        total=143,
        counts=(Count("Acme", "detractor", 120), Count("Acme", "promoter", 23)),
        surest=(
            Line("Acme", "detractor", 0.99, "Acme deleted my account", "https://example.org/posts/7"),
            Line(
                "Acme", "promoter", 0.97, "https://bank.example is not where this leads", "https://example.org/posts/8"
            ),
            Line("Acme", "detractor", 0.96, "", "javascript:alert(1)"),
        ),
        members=tuple(f"member{n}" for n in range(143)),
    ),
)
OVERDUE = Notice(
    type="case.overdue",
    found_at=_AT,
    brand="Acme",
    rule="late",
    label="detractor",
    value=-0.4,
    confidence=1.0,
    language="de",
    source="mastodon",
    author="bob",
    text="Seit Wochen keine Antwort von Acme. 😡",
    url="https://social.example/@bob/112",
    published_at="2026-11-21T20:00:00.000Z",
    why=("acme",),
    mention_id="mention2",
    reasons=("an answer was due today at 00:00", "assigned to ann"),
    desk=f"{_DESK}/mentions/mention2",
)
SPIKE = Notice(
    type="brand.spike",
    found_at=_AT,
    brand="Acme",
    rule="acme-spikes",
    title="Acme: 23 mentions in 3 hours, 6 are usual",
    reasons=("23 mentions by 15 people in 3 hours; 6 are usual at this time of the week (95 %: 2–11).",),
    facts=(("Mentions", "23"), ("Usual", "6 (2–11)"), ("People", "15"), ("Separate stories", "4")),
    desk=f"{_DESK}/queue?brand=Acme&since=2026-11-21T23:00:00Z",
)
REPORT = Notice(
    type="report",
    found_at=_AT,
    brand="Acme",
    title="Acme on 21 November 2026",
    text="NPS −12 (−31 to +8), from 64 people: provisional.\nNo change that could be told from chance.\n3 need an answer.",
    facts=(("NPS", "−12 (−31 to +8)"), ("Mentions", "71"), ("Need an answer", "3")),
    desk=f"{_DESK}/dashboard?brand=Acme",
    report="report1",
)
OPS = Notice(
    type="ops.channel",
    found_at=_AT,
    title='The channel "team-chat" has stopped',
    text="hooks.slack.example is gone for good (HTTP 410). Once that is mended, run "
    "`listener alerts replay --channel team-chat`.",
    facts=(("Waiting", "4"),),
    reasons=("you are the ops channel",),
    desk=f"{_DESK}/deliveries",
)

NOTICES = {
    "mention": MENTION,
    "digest": DIGEST,
    "overdue": OVERDUE,
    "spike": SPIKE,
    "report": REPORT,
    "ops": OPS,
}
