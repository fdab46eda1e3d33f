"""Who counts, and with how many votes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.population import Population, by_group, populate
from storage.records_nps import Ballots, Tally


def tally(label: str = "promoter", mentions: int = 1, **others: Any) -> Tally:
    made = Tally("blogs", "post", "en", "s1", "", label, "" if label else "language", mentions, 0.0)
    return made._replace(**others)


def window_of(
    promoters: int, detractors: int, no_opinion: int = 0, unscored: int = 0, value: float = 0.8
) -> Population:
    """Every one with a single mention; the machine is as sure as `value` says."""
    n, net = promoters + detractors, promoters - detractors
    return populate(
        [
            tally("promoter", promoters, value=promoters * value),
            tally("detractor", detractors, value=-detractors * value),
            tally("no_opinion", no_opinion),
            tally("", unscored),
        ],
        Ballots("", n, net, n, net * value, n, n, 1, 0),
    )


def test_every_mention_is_counted_or_dropped_for_a_reason() -> None:
    population = populate(
        [
            tally("promoter", 3, value=2.5),
            tally("detractor", 2, value=-1.0, source="forum", language="de", scorer="s2"),
            tally("no_opinion", 4),
            tally("", 1, language=""),
            tally("promoter", 5, left_out="staff"),
            tally("", 6, left_out="news", genre="news"),
            tally("promoter", 7, left_out="echo"),
        ]
    )
    assert (population.pool, population.eligible, population.scored, population.opinion) == (28, 10, 9, 5)
    assert population.dropped == Counter(staff=5, news=6, echo=7)
    assert population.unscored == Counter(language=1)
    assert population.labels == Counter(promoter=3, detractor=2, no_opinion=4)
    assert population.value == 1.5
    assert population.unscored_share == pytest.approx(0.1)
    assert population.no_opinion_share == pytest.approx(4 / 9)
    assert dict(population.by_source) == {
        "blogs": Counter(promoter=3, no_opinion=4, unscored=1),
        "forum": Counter(detractor=2),
    }
    assert population.scorers == Counter(s1=7, s2=2)
    assert population.language_shares() == [("en", 0.7), ("de", 0.2), ("", 0.1)]


def test_how_many_voices_it_is_worth() -> None:
    """Four voices with 5, 1, 1 and 1 opinions: 64/28 equals, and five eighths of one voice."""
    population = populate([tally("promoter", 8)], Ballots("", 4, 2.0, 3.0, 1.0, 8, 28, 5, 2))
    assert (population.authors, population.unknown_authors) == (4, 2)
    assert population.effective_authors == pytest.approx(64 / 28)
    assert population.top_share == 0.625


def test_an_empty_window_has_shares_of_nothing() -> None:
    empty = populate([])
    assert (empty.effective_authors, empty.top_share, empty.unscored_share, empty.no_opinion_share) == (0, 0, 0, 0)
    assert empty.language_shares() == []


def test_a_window_in_parts_has_each_with_its_own_ballots() -> None:
    tallies = [tally("promoter", 2), tally("detractor", 3, source="forum"), tally("", 1, source="wire")]
    votes = [Ballots("blogs", 2, 2.0, 2.0, 1.0, 2, 2, 1, 0), Ballots("forum", 1, -1.0, 1.0, -0.5, 3, 9, 3, 0)]
    parts = by_group(tallies, votes, lambda one: one.source)
    assert {name: (part.eligible, part.authors) for name, part in parts.items()} == {
        "blogs": (2, 2),
        "forum": (3, 1),
        "wire": (1, 0),
    }


_TALLIES = st.lists(
    st.builds(
        lambda label, mentions, left_out, source: tally(label, mentions, left_out=left_out, source=source),
        st.sampled_from(["promoter", "passive", "detractor", "no_opinion", ""]),
        st.integers(1, 50),
        st.sampled_from(["", "", "staff", "news"]),
        st.sampled_from(["blogs", "forum"]),
    ),
    max_size=20,
)


@given(_TALLIES)
def test_the_waterfall_loses_nothing(tallies: list[Tally]) -> None:
    p = populate(tallies)
    assert p.pool == sum(one.mentions for one in tallies) == p.eligible + p.dropped.total()
    assert p.eligible == p.scored + p.unscored.total() == p.languages.total()
    assert p.scored == p.labels.total() == p.opinion + p.labels["no_opinion"] == p.scorers.total()
    assert sum(counts.total() for counts in p.by_source.values()) == p.eligible


@given(_TALLIES, st.randoms())
def test_the_order_of_tallies_does_not_matter(tallies: list[Tally], chance: Any) -> None:
    shuffled = list(tallies)
    chance.shuffle(shuffled)
    assert populate(tallies) == populate(shuffled)
