"""One archive file, read row by row from where it was left."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple, cast

from connectors.archive import BadRow, NoArchive, read_csv, read_jsonl
from connectors.post import Post

LONGEST_LINE = 4_000_000
"""Bytes of a line that are read; what is longer is a bad row."""

MOST_INFLATED = 500_000_000
"""Bytes that a .gz may unpack to."""

_SAMPLE = 1_024
_BOM = b"\xef\xbb\xbf"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

_Reader = Callable[[Iterable[str], str], Iterator[Post | BadRow]]
_READERS: dict[str, _Reader] = {".jsonl": read_jsonl, ".ndjson": read_jsonl, ".csv": read_csv}


class Mark(NamedTuple):
    """How far a file was read: `size` and `changed` (mtime, ns) as it was then, `offset` in (unpacked) bytes, `line` in
    lines, a `digest` of what stands before; `done`: there is nothing to read unless the file changes."""

    size: int
    changed: int
    offset: int = 0
    line: int = 0
    digest: str = ""
    done: bool = False


def is_archive(name: str) -> bool:
    return not name.startswith(".") and _suffix(name) in _READERS


def _suffix(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


@contextmanager
def opened(path: Path, known: Mark | None) -> Iterator[ArchiveFile]:
    """Raises OSError, also for what is a link or no regular file."""
    with os.fdopen(os.open(path, os.O_RDONLY | _NO_LINK), "rb") as raw:
        about = os.fstat(raw.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "it is no regular file")
        packed = path.name.lower().endswith(".gz")
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        yield ArchiveFile(path.name, stream, Mark(about.st_size, about.st_mtime_ns), known, packed)


class ArchiveFile:
    """`mark()` says, after each row, where to go on from.

    A last line without its end, and a CSV row whose quotes are open at the end, wait until the file has stood still
    since the last time.
    """

    def __init__(self, name: str, stream: IO[bytes], now: Mark, known: Mark | None, packed: bool) -> None:
        self._stream = stream
        self._now = now
        self._read = _READERS[_suffix(name)]
        self._still = known is not None and (known.size, known.changed) == (now.size, now.changed)
        self.finished = bool(self._still and known and known.done)
        self._limit = MOST_INFLATED if packed else now.size
        self._packed = packed
        self._known = known
        self._offset = self._line = 0
        self._head = self._tail = b""
        self._row_end = (0, 0, b"")
        self._ended = self._waiting = False

    def mark(self, *, done: bool = False) -> Mark:
        """Of all rows so far; `done` when nothing more is to be read of the file as it is."""
        offset, line, tail = self._row_end
        return self._now._replace(offset=offset, line=line, digest=_digest(self._head[:offset], tail), done=done)

    @property
    def waiting(self) -> bool:
        return self._waiting

    def rows(self, scope: str) -> Iterator[Post | BadRow]:
        """Raises NoArchive, and OSError, EOFError or zlib.error for what cannot be read or unpacked."""
        header = self._go_on()
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            return
        before = self._row_end[1] - len(header)
        for row in self._read(chain(header, [first], lines), scope):
            if isinstance(row, BadRow):
                if self._ended and not self._still:
                    self._waiting = True
                    return
                row = replace(row, line=row.line + before)
            self._row_end = (self._offset, self._line, self._tail)
            yield row
        self._row_end = (self._offset, self._line, self._tail)

    def _go_on(self) -> list[str]:
        """Put the stream to where the last pull ended, if what it read is still there; the header that CSV needs."""
        known, stream = self._known, self._stream
        if known is None or not known.offset:
            return []
        header = [_decoded(stream.readline(LONGEST_LINE).removeprefix(_BOM))] if self._read is read_csv else []
        sample = min(_SAMPLE, known.offset)
        stream.seek(0)
        head = stream.read(sample)
        stream.seek(known.offset - sample)
        tail = stream.read(sample)
        if _digest(head, tail) != known.digest:
            stream.seek(0)
            return []
        self._head, self._tail = head, tail
        self._offset, self._line, _ = self._row_end = (known.offset, known.line, tail)
        return header

    def _lines(self) -> Iterator[str]:
        while self._offset < self._limit:
            raw = self._stream.readline(LONGEST_LINE)
            if not raw:
                break
            whole = raw.endswith(b"\n")
            if not whole and len(raw) < LONGEST_LINE and not self._still:
                self._waiting = True
                break
            text = raw if self._offset else raw.removeprefix(_BOM)
            self._take(raw)
            while not whole and self._offset < self._limit and (rest := self._stream.readline(LONGEST_LINE)):
                self._take(rest)
                whole = rest.endswith(b"\n")
            self._line += 1
            yield _decoded(text)
        self._ended = True
        if self._packed and self._offset >= self._limit:
            raise NoArchive(f"it unpacks to more than {MOST_INFLATED // 1_000_000:,} MB; the rest was not read")

    def _take(self, raw: bytes) -> None:
        """Kept as it goes by: to seek in a packed file is to unpack it once more."""
        if self._offset < _SAMPLE:
            self._head = (self._head + raw)[:_SAMPLE]
        self._tail = (self._tail + raw)[-_SAMPLE:]
        self._offset += len(raw)


def _digest(head: bytes, tail: bytes) -> str:
    """Of the first and the last kilobyte that were read: a rewritten file differs in one of them."""
    return hashlib.blake2b(head + tail, digest_size=8).hexdigest()


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
