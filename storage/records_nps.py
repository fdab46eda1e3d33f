"""What an estimate reads and a random audit writes; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple

from storage.records import Author, Mention, Post

OPINIONS = ("promoter", "passive", "detractor")
"""Labels that have a vote: +1, 0, -1."""


class Tally(NamedTuple):
    """How many matched mentions share these facts. `left_out` says why a mention does not count: "" it does, "staff",
    "quarantined", "echo" (its voice told the same story before) or a genre that is not of ELIGIBLE. `label` is "" where
    nobody could read the text, and `unscored` says why. `value` is the sum of the mentions' values."""

    source: str
    genre: str
    language: str
    scorer: str
    left_out: str
    label: str
    unscored: str
    mentions: int
    value: float


class Ballots(NamedTuple):
    """The votes of one `group` of a window's eligible mentions that hold an opinion, one vote a voice: the mean of its
    own +1, 0, -1.

    `voices` is how many; `total` and `squares` the sums of their votes and of the votes' squares; `lean` the sum of
    their mean values (-1..1). `mentions` is how many mentions stand behind them, `crowd` the sum over voices of the
    square of their mentions, `loudest` the most of one voice, `unknown` the voices that nobody knows by name.
    """

    group: str
    voices: int
    total: float
    squares: float
    lean: float
    mentions: int
    crowd: int
    loudest: int
    unknown: int


class Variant(NamedTuple):
    """What NPS would be under another definition: whether voices have one vote each (else every mention has), and
    whether mentions without opinion (as 0), news, and quarantined authors count."""

    by_voice: bool
    no_opinion: bool
    news: bool
    quarantined: bool
    votes: int
    total: float


class Framed(NamedTuple):
    """A mention that an audit may draw: `label` None when unscored. `seq` is its place in the order of arrival."""

    mention_id: str
    seq: int
    voice: int
    label: str | None
    value: float


class Audit(NamedTuple):
    """A random draw of `size` from the `population` eligible mentions of a brand with since <= at < until and
    after_seq < seq <= upto_seq. `since` "" and `until` "~" leave that side open. `design`: "sized" (probability
    proportional to size) or "per-label" (so many at random of each machine label). `day` is the local day it is the
    daily draw of, else ""."""

    id: str
    brand: str
    since: str
    until: str
    seed: str
    size: int
    population: int
    drawn_at: str
    after_seq: int = 0
    upto_seq: int = 0
    design: str = "sized"
    day: str = ""


class Draw(NamedTuple):
    """A mention of an audit, with the probability it was drawn with. `stratum` is its machine label in a per-label
    design, else ""."""

    audit_id: str
    mention_id: str
    stratum: str
    inclusion_prob: float


class Progress(NamedTuple):
    """An audit, and how many of its draws a person has labelled, or nobody can any more (the post was taken away)."""

    audit: Audit
    labelled: int
    gone: int


class Drawn(NamedTuple):
    """A draw with what there is to read; `label` is the person's label, "" as long as there is none."""

    draw: Draw
    mention: Mention
    post: Post
    label: str


class Audited(NamedTuple):
    """An audited mention of a window, ready for an estimate.

    `label` is the person's ("not_us" for a mention that is none), `machine` the scorer's at present (None: unscored),
    `value` the scorer's -1..1. `mentions` is how many eligible mentions its voice has in the window, this one included,
    `opinions` how many of them the machine takes for opinions; `scorer` is the machine's id.
    """

    audit_id: str
    mention_id: str
    seq: int
    at: str
    stratum: str
    inclusion_prob: float
    label: str
    machine: str | None
    value: float
    voice: int
    mentions: int
    opinions: int
    reviewed_at: str
    scorer: str = ""


class Seam(NamedTuple):
    """What changed for a brand at a time, so that figures from before and after may differ for that alone: `what` is
    "scorer", "query" or "sources", `now_is` what it is since then."""

    brand: str
    what: str
    noted_at: str
    now_is: str


class StoredReport(NamedTuple):
    """A report as it was printed. `id` names its content; `fingerprint` its inputs; `quotes` the ids of the posts whose
    words it holds. When one of these is taken away by its source, so is the body ("")."""

    id: str
    brands: str
    since: str
    until: str
    form: str
    made_at: str
    fingerprint: str
    body: str
    quotes: str = ""


class Sketch(NamedTuple):
    """The first post of a story, to know others of it by: `sketch` is what two texts are compared by, `bands` are what
    similar ones are likely to share one of."""

    post_id: str
    at: str
    sketch: str
    bands: tuple[int, ...]


class Storyless(NamedTuple):
    """A post that no story has been found for yet."""

    post_id: str
    title: str
    text: str
    first_seen_at: str
    author_id: str | None


class Told(NamedTuple):
    """A post and the story it tells: the id of the first post of it, its own where it tells a new one."""

    post_id: str
    story: str


class Story(NamedTuple):
    """A story of a window with what it comes to there: `mentions`, and the different voices among them."""

    story: str
    mentions: int
    voices: int


class Speaker(NamedTuple):
    """An author with their matched mentions of a brand in a window, by label; `mentions` has the unscored too."""

    author: Author
    mentions: int
    promoters: int
    passives: int
    detractors: int
