"""`python -m tests.bench NAME …`: each benchmark prints a table of ratios measured in one run."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = {
    "alerts": "finding spikes in a year of little talk, against mean + 3 sd (--quick)",
    "capacity": "how many machines for how many watches, and what gives out first (--quick)",
    "desk": "the lists of the review desk over a million mentions, ten people and a pull at once (--quick)",
    "ingest": "pulling feeds, against the `reader` library",
    "score": "scoring, against bare vaderSentiment",
    "schedule": "2,000 watches on one machine, against a job each in APScheduler",
    "jetstream": "hearing a stream, against a bare loop of `websockets` and `json`",
    "match": "matching, against a regular expression",
    "nps": "the intervals of the implied NPS, against labels alone and against counting (--quick)",
    "report": "`listener nps` and `listener report` over a million mentions (--quick)",
    "scale": "1, 2 and 4 workers on one PostgreSQL, and one worker on PostgreSQL against SQLite (--quick)",
    "stories": "telling stories apart, against an exact hash",
}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in NAMES:
        sys.exit("say which: " + "; ".join(f"{n} ({what})" for n, what in NAMES.items()))
    print(import_module(f"tests.bench.{name}").run(*sys.argv[2:]))


main()
