"""Share of voice: how much is said of each of several brands, where all of them were listened for alike."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple


class ShareOfVoice(NamedTuple):
    """`mentions` and `shares` (0..1, 1 in sum) by brand, over `sources`; `passed_over` are the sources that were not
    heard for every brand. Without shares, `reason` says why there are none."""

    sources: tuple[str, ...]
    passed_over: tuple[str, ...]
    mentions: dict[str, int]
    shares: dict[str, float]
    reason: str = ""


def share_of_voice(counts: Mapping[str, Mapping[str, int]], heard: Mapping[str, Set[str]]) -> ShareOfVoice:
    """`counts` are the eligible mentions of each brand by source, all of one window; `heard` the sources that were
    heard for each brand in it."""
    brands = sorted(counts)
    every = frozenset[str]().union(*(heard.get(brand, frozenset()) for brand in brands), *counts.values())
    sources = tuple(source for source in sorted(every) if all(source in heard.get(brand, ()) for brand in brands))
    mentions = {brand: sum(counts[brand].get(source, 0) for source in sources) for brand in brands}
    total = sum(mentions.values())
    reason = _refusal(brands, sources, total)
    return ShareOfVoice(
        sources=sources,
        passed_over=tuple(sorted(every.difference(sources))),
        mentions=mentions,
        shares={} if reason else {brand: count / total for brand, count in mentions.items()},
        reason=reason,
    )


def _refusal(brands: list[str], sources: tuple[str, ...], total: int) -> str:
    if len(brands) < 2:
        return "nothing to compare: a share of voice needs two brands or more"
    if not sources:
        return f"no comparison: no source was heard for all of {', '.join(brands)}"
    return "" if total else "no comparison: nothing was said of any brand where all were listened for"
