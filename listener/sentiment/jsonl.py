"""The core of `listener score`: JSON lines in, JSON lines out, one for one and in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from typing import Any, NamedTuple, NoReturn

from connectors.ratings import scale_of
from listener.sentiment.contract import Label, Scorer, Text, Verdict
from listener.sentiment.rating import from_rating

_BATCH = 64  # lines a heavy scorer may score together, and the most that output lags behind input
_NO_ID = object()
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPINIONS: tuple[Label, ...] = ("detractor", "passive", "promoter")  # the order of a verdict's probabilities


class _Asked(NamedTuple):
    text: Text
    id: Any


def score_lines(lines: Iterable[str], scorer: Scorer, batch: int = _BATCH) -> Iterator[str]:
    """For each line one line, without its end: the verdict, or {"error": "line 3: …"} for a line that cannot be read.

    In: `text`, and optionally `lang` (BCP-47), `brand`, `rating` with `rating_scale` (5, "0-10", "thumbs" …; 5 unless
    told) and `id`, which is echoed; other keys are ignored. Out: `label`, or `unscored(reason)` in its place, `value`,
    `probabilities` by label, `confidence`, `language`, `scorer`, `explanation` as [word, weight] pairs, `tags`.
    Reads `batch` lines ahead at most; never raises on any line.
    """
    numbered = enumerate(lines, 1)
    while taken := list(islice(numbered, batch)):
        asked = [_asked(number, line) for number, line in taken]
        verdicts = iter(scorer.score_many([one.text for one in asked if not isinstance(one, str)]))
        for one in asked:
            yield _error(one) if isinstance(one, str) else _answer(next(verdicts), one.id)


def _asked(number: int, line: str) -> _Asked | str:
    """What the line asks, or what is wrong with it."""
    try:
        return _parse(line)
    except (ValueError, RecursionError) as wrong:
        reason = "is not JSON that can be read" if isinstance(wrong, RecursionError) else str(wrong)
        return f"line {number}: {reason}"


def _parse(line: str) -> _Asked:
    if not (line := line.strip().removeprefix("\ufeff")):
        raise ValueError("is blank: write one JSON object a line")
    try:
        data = json.loads(line, parse_constant=_not_json)
    except json.JSONDecodeError as wrong:
        raise ValueError(f"is not JSON ({wrong.msg}, column {wrong.colno})") from None
    if not isinstance(data, dict):
        raise ValueError('must be a JSON object such as {"text": "…"}')
    if "text" not in data:
        raise ValueError('has no "text"')
    rating = data.get("rating")
    scale = scale_of(_scale(data))
    if rating is not None:
        if not isinstance(rating, int | float):
            raise ValueError('"rating" must be a number')
        from_rating(rating, scale)
    text = Text(_string(data, "text"), _string(data, "brand"), _string(data, "lang"), rating, scale)
    return _Asked(text, _id(data))


def _id(data: dict[str, Any]) -> Any:
    """The id as it came; only what surely can be written again."""
    id_ = data.get("id", _NO_ID)
    if id_ is _NO_ID or id_ is None or (isinstance(id_, str | int | float) and id_ not in (inf, -inf)):
        return id_
    raise ValueError('"id" must be a string or a number')


def _scale(data: dict[str, Any]) -> str | float:
    scale = data.get("rating_scale")
    if scale is None:
        return 1.0 if isinstance(data.get("rating"), bool) else Text("").rating_scale
    if not isinstance(scale, str | int | float):
        raise ValueError('"rating_scale" must be a number or a name')
    return scale


def _string(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f'"{key}" must be a string')
    return value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"is not JSON ({constant} is no JSON number)")


def _answer(verdict: Verdict, id_: Any) -> str:
    answer: dict[str, Any] = {} if id_ is _NO_ID else {"id": id_}
    answer |= {
        "label": verdict.label or f"unscored({verdict.unscored})",
        "value": round(verdict.value, 4),
        "probabilities": {label: round(p, 4) for label, p in zip(_OPINIONS, verdict.probabilities, strict=False)},
        "confidence": round(verdict.confidence, 4),
        "language": verdict.language,
        "scorer": verdict.scorer,
        "explanation": verdict.explanation,
        "tags": verdict.tags,
    }
    return _line(answer)


def _error(message: str) -> str:
    return _line({"error": message})


def _line(data: dict[str, Any]) -> str:
    """Readable in every script; lone surrogates, which no encoding can write, stay escaped."""
    text = json.dumps(data, ensure_ascii=False)
    return text if text.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
