"""A brand's past, made up: archives whose truth is known, and a clock that stands where a test wants it."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple
from unittest import mock

from listener.app import App
from tests.command import Command
from tests.conftest import NOW

VOTE = {"promoter": 1, "passive": 0, "detractor": -1}


@contextmanager
def clock(at: datetime = NOW) -> Iterator[None]:
    """Whatever `listener` is called inside takes it to be `at`."""
    with mock.patch("listener.app.App", partial(App, now=lambda: at.astimezone(UTC))):
        yield


def row(number: int | str, text: str, author: str = "", *, at: datetime | None = None, **others: Any) -> dict[str, Any]:
    """A line of an archive; without `at`, yesterday."""
    made = {"id": str(number), "text": text, "url": f"https://posts.example/{number}", **others}
    if author:
        made["author"] = author
    return made | {"published_at": (at or NOW - timedelta(days=1)).isoformat()}


def take_in(command: Command, rows: Iterable[dict[str, Any]], *options: str) -> None:
    archive = command.file("archive.jsonl", "\n".join(map(json.dumps, rows)))
    ended = command("import", archive, *options)
    assert ended.code == 0, ended.err


# -- an archive whose truth is known

_THINGS = ("export", "search", "calendar", "editor", "importer", "printer setup", "mobile app", "billing page")
_PEOPLE = ("my mother", "our office", "the whole team", "a friend of mine", "the school", "my neighbour")
_TIMES = ("this morning", "last week", "since the update", "on Friday", "after two years", "over the weekend")

_SAID = (
    # Plain words, which a scorer reads well.
    ("promoter", 20, "I love the {thing} of Acme, it made {people} so happy {time}."),
    ("detractor", 20, "The {thing} of Acme is terrible, {people} lost everything {time}. Awful."),
    ("promoter", 8, "Acme is excellent: {people} tried the {thing} {time} and it is wonderful."),
    ("detractor", 6, "Acme hat {people} enttäuscht: {thing} ist furchtbar und nutzlos ({time})."),
    # Words that say one thing and mean another.
    (
        "detractor",
        10,
        "Oh great, Acme ate the {thing} again {time}. {people} is thrilled. Just wonderful, thanks a lot.",
    ),
    ("promoter", 6, "Could not fault the {thing} in Acme if I tried {time}; {people} would never go back."),
    ("detractor", 6, "{people} moved off Acme {time} because of the {thing}."),
    # Neither here nor there.
    ("passive", 8, "The {thing} in Acme does its job, {people} got used to it {time}."),
    ("no_opinion", 10, "Acme moved the {thing} to another menu {time}, says {people}."),
    ("no_opinion", 6, "Does anybody know whether Acme has a {thing}? {people} asked {time}."),
)


class Told(NamedTuple):
    """A line of an archive with what its author really thinks."""

    row: dict[str, Any]
    truth: str

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def author(self) -> str:
        return str(self.row["author"])


def past(posts: int = 600, seed: int = 5, days: float = 6.5) -> list[Told]:
    """Deterministic; one author of ten writes half of it."""
    chance = random.Random(seed)
    words = _TAIL.split()
    made = []
    for number in range(posts):
        loud = chance.random() < 0.5
        author = f"loud {chance.randrange(posts // 30)}" if loud else f"quiet {chance.randrange(posts // 3)}"
        (truth, _, form) = chance.choices(_SAID, [weight for _, weight, _ in _SAID])[0]
        said = form.format(thing=chance.choice(_THINGS), people=chance.choice(_PEOPLE), time=chance.choice(_TIMES))
        # A tail of its own, lest an author be taken to repeat themselves.
        tail = " ".join(chance.choice(words) for _ in range(14))
        at = NOW - timedelta(days=days * chance.random(), minutes=1)
        made.append(Told(row(number, f"{said} {tail}.", author, at=at), truth))
    return made


_TAIL = (
    "kettle window river table paper street garden number letter morning corner bridge station ladder bottle "
    "blanket candle mirror basket hammer pencil ribbon saddle tunnel valley wagon meadow harbour orchard cabin"
)


def net(told: Sequence[Told]) -> float:
    return 100 * fmean(VOTE.get(one.truth, 0) for one in told)


def inps(told: Sequence[Told]) -> float:
    votes = defaultdict(list)
    for one in told:
        if one.truth in VOTE:
            votes[one.author].append(VOTE[one.truth])
    return 100 * fmean(map(fmean, votes.values()))
