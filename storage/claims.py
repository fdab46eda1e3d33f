"""Claims on one machine: who works on what, over threads and processes, with nothing left behind by a kill.

A claim is a lock on one byte of a file beside the database. POSIX record locks belong to the process, so the threads of
one process are kept apart by a set, and all stores on one path in one process share one `Claims`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_LOOK_AGAIN = 0.001
"""Seconds between two looks whether it is one's turn: two system calls that cost 1 µs each."""

_shared: dict[Path, Claims] = {}
_shared_guard = threading.Lock()


class Claims:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._held: set[str] = set()
        self._guard = threading.Lock()

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        taken = self._take(name)
        try:
            yield taken
        finally:
            if taken:
                self._give_back(name)

    @contextmanager
    def turn(self, name: str, patience: float) -> Iterator[None]:
        """Wait until it is one's turn at `name`. Only who is next in line may take it, so that whoever has just had it
        cannot take it again over and over while others look for a gap. After `patience` seconds it goes on without:
        somebody who stands still keeps nobody out, and what turns are taken at must be safe without them."""
        give_up, following = time.monotonic() + patience, f"{name}: next"
        is_next = self._wait_for(following, give_up)
        try:
            mine = self._wait_for(name, give_up)
        finally:
            if is_next:
                self._give_back(following)
        try:
            yield
        finally:
            if mine:
                self._give_back(name)

    def _wait_for(self, name: str, give_up: float) -> bool:
        while not (taken := self._take(name)) and time.monotonic() < give_up:
            time.sleep(_LOOK_AGAIN)
        return taken

    def _take(self, name: str) -> bool:
        with self._guard:
            if name in self._held:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte_of(name))
            except OSError:
                return False
            self._held.add(name)
            return True

    def _give_back(self, name: str) -> None:
        with self._guard:
            self._held.discard(name)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _byte_of(name))


def claims_beside(database: Path) -> Claims:
    file = database.resolve()  # whatever name it goes by
    path = file.with_name(file.name + ".lock")
    with _shared_guard:
        if path not in _shared:
            _shared[path] = Claims(path)
        return _shared[path]


@lru_cache(1000)
def _byte_of(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
