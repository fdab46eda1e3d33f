"""What every database does in its own way to find words in posts: `sqlite_search` and `postgres_search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from storage.records import Post


class Words(Protocol):
    """The index is filled in slices, newest posts last, and follows what changes.

    `newest` is made to be part of statements: it takes an `expression`, a `seq` and a number, and gives the `seq` of so
    many posts at most that have the words, from that one on down. `newest_first` orders rows (`seq`, id of a mention)
    of a union of two such walks: "" where they come so by themselves, and can be read one by one."""

    newest: str
    newest_first: str

    def is_complete(self, connection: Any) -> bool: ...

    def extend(self, connection: Any, limit: int) -> int: ...

    def drop(self, connection: Any, post_id: str) -> None: ...

    def put_back(self, connection: Any, post_id: str) -> None: ...

    def expression(self, connection: Any, text: str) -> str:
        """What they are asked for posts with all the words of `text`, "" where it has none."""

    def among(self, connection: Any, words: str, seqs: Sequence[int]) -> tuple[set[int], int]:
        """Those of the posts that have the words of an `expression`, and how many looks at the index that took."""

    def find(self, connection: Any, text: str, limit: int) -> list[Post]: ...
