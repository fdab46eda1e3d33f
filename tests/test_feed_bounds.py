"""A hostile 10 MB body costs little memory and little time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import sys, time
from connectors.errors import BadAnswer
from connectors.feed import parse
from connectors.feed_entry import Origin, to_post
from datetime import UTC, datetime

SIZE = 10_000_000
HEAD = b"<rss><channel>"
def fill(unit): return unit * (SIZE // len(unit))
def distinct(form, count): return b"".join(form % number for number in range(count))
BODIES = {
    "one text": lambda: HEAD + b"<item><title>" + fill(b"x") + b"</title></item></channel></rss>",
    "one text of emoji": lambda: HEAD + b"<item><title>" + fill("\\U0001f600".encode()) + b"</title></item>",
    "wide texts": lambda: HEAD + fill(b"<item><title>%s</title></item>" % ("\\U0001f600" + "a" * 190_000).encode()),
    "empty items": lambda: HEAD + fill(b"<item/>"),
    "unknown elements": lambda: HEAD + fill(b"<a/>"),
    "different elements": lambda: HEAD + distinct(b"<n%d/>", 1_000_000),
    "attributes of one tag": lambda: HEAD + b"<item " + distinct(b"a%d='' ", 900_000) + b"/></channel></rss>",
    "attributes of many tags": lambda: HEAD + b"".join(
        b"<item " + distinct(b"a%d_%%d='' " % tag, 250) + b"/>" for tag in range(3_000)),
    "nesting": lambda: HEAD + b"<item><description>" + fill(b"<b>"),
    "malformed": lambda: HEAD + fill(b"<item><title>a & b</title></item>"),
    "malformed attributes": lambda: HEAD + b"<item>&<p " + distinct(b'a%d=">" ', 90_000),
    "open quotes": lambda: HEAD + fill(b'<a "'),
    "JSON lists": lambda: b'{"items":[' + fill(b"[],"),
    "JSON text": lambda: b'{"items":[{"id":1,"title":"' + b"x" * 4_900_000 + "\\U0001f600".encode() + b'"}]}',
    "spaces": lambda: fill(b" "),
}
def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024
import feedparser
for name, make in BODIES.items():
    body = make()
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    start = time.process_time()
    try:
        channel = parse(body, "", "http://x.example/")
        origin = Origin("feed", "h", "http://x.example/", datetime(2026, 1, 1, tzinfo=UTC), "post", channel.about)
        posts = [to_post(entry, origin) for entry in channel.entries]
    except BadAnswer:
        pass
    seconds = time.process_time() - start
    print(name, round(memory("VmHWM") - before, 1), round(seconds, 2), sep="|", flush=True)
    body = channel = posts = None
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak can be reset only on Linux")
def test_any_10_mb_body_costs_at_most_64_mb_and_a_few_seconds() -> None:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True, timeout=120, cwd=root)
    assert done.returncode == 0, done.stderr[-2_000:]
    measured = [line.split("|") for line in done.stdout.splitlines()]
    assert len(measured) == 15
    for name, megabytes, seconds in measured:
        assert float(megabytes) <= 64, name
        assert float(seconds) <= 10, name
