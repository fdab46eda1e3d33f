"""One instance of Mastodon (or of what speaks its API) and what it lets us read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from connectors.contract import Answer, Http
from connectors.errors import AuthError, BadAnswer, FetchError, Gone, RateLimited
from connectors.fields import Fields
from connectors.mastodon_status import Status, read
from connectors.post import Validators

PAGE = 40
"""The most statuses that one answer holds."""

FULL = 20
"""What every server gives out at a time at least: an answer with fewer statuses is the last one."""

_ASK_AGAIN = timedelta(days=1)
_LOGGED_OUT = (401, 403, 422)  # 422: servers before 4.0


class Instance:
    """Safe to share between threads. `unindexed` and `local` are described at MastodonOptions."""

    def __init__(self, url: str, token: str, *, local: bool, unindexed: bool) -> None:
        parts = urlsplit(url.rstrip("/"))
        self.host = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{self.host}{parts.path}"
        """To be shown: without the credentials that `url` may hold."""
        self._credentials = parts.netloc.removesuffix(self.host)
        self._local = local
        self._unindexed = unindexed
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._lock = threading.Lock()
        self._hidden = ""
        self._asked: datetime | None = None

    def timeline(
        self, tag: str, http: Http, *, min_id: str = "", max_id: str = "", validators: Validators | None = None
    ) -> tuple[Answer, list[Status]]:
        """The statuses with a hashtag that stand next to min_id or max_id (or the newest), newest first."""
        url = f"{self.url}/api/v1/timelines/tag/{quote(tag, safe='')}"
        params: dict[str, str | int] = {"limit": PAGE}
        said = {"min_id": min_id, "max_id": max_id, "local": "true" if self._local else ""}
        params |= {name: value for name, value in said.items() if value}
        answer = self._get(http, url, params, validators)
        return answer, [] if answer.unchanged else self._statuses({"statuses": answer.json()}, url)

    def found(self, query: str, offset: int, http: Http) -> list[Status]:
        """The statuses whose text holds what `query` asks for, newest first."""
        url = f"{self.url}/api/v2/search"
        params: dict[str, str | int] = {"q": query, "type": "statuses", "limit": PAGE, "offset": offset}
        return self._statuses(self._get(http, url, params).json(), url)

    def status(self, number: str, http: Http) -> Status | None:
        """As it is now; None when the instance says that it has none of that id."""
        url = f"{self.url}/api/v1/statuses/{quote(number, safe='')}"
        try:
            answer = self._get(http, url)
        except Gone:
            return None
        except FetchError as error:
            if _says_there_is_none(error):
                return None
            raise
        # It is stored already: people need not have said again that it may be searched.
        return read(Fields(answer.json(), url, "a status"), self.host, unindexed=True)

    def hidden(self, http: Http, now: datetime) -> str:
        """What of the hashtag timelines the instance keeps to itself, "" for nothing. Asked for once a day.

        Raises AuthError when it shows us none: the timelines themselves are then empty, as if nobody had written.
        """
        with self._lock:
            if self._asked is None or now - self._asked >= _ASK_AGAIN:
                self._hidden = self._closed(self._access(http))
                self._asked = now
            return self._hidden

    def _access(self, http: Http) -> dict[str, str]:
        """{"local": "public" | "authenticated" | "disabled", "remote": …}, empty before Mastodon 4.5 and elsewhere."""
        url = f"{self.url}/api/v2/instance"
        try:
            document: Fields | None = Fields(self._get(http, url).json(), url)
            for name in ("configuration", "timelines_access", "hashtag_feeds"):
                document = document.one(name) if document else None
            return {whose: document.text(whose) for whose in ("local", "remote")} if document else {}
        except RateLimited:
            raise
        except FetchError:
            return {}  # not the API's newest form: the timeline itself will tell

    def _closed(self, access: Mapping[str, str]) -> str:
        shut = ("disabled",) if self._headers else ("disabled", "authenticated")
        local, remote = (access.get(whose) in shut for whose in ("local", "remote"))
        if local and (remote or self._local):
            if access["local"] == "disabled":
                raise AuthError(f"{self.url} has switched its hashtag timelines off: listen on another instance.")
            raise self._login_wanted("")
        if (local or remote) and not self._local:
            whose = "of its own people" if local else "of other instances"
            return f"{self.url} shows no posts {whose} in its hashtag timelines"
        return ""

    def _login_wanted(self, why: str) -> AuthError:
        if self._headers:
            return AuthError(
                f"{self.url} refuses the token{why}: make one there (Preferences, Development) "
                "that may read:statuses and read:search."
            )
        return AuthError(
            f"{self.url} shows this to people with a login only{why}: "
            "set token to one of an account there, or listen on another instance."
        )

    def _get(
        self,
        http: Http,
        url: str,
        params: Mapping[str, str | int] | None = None,
        validators: Validators | None = None,
    ) -> Answer:
        try:
            url = url.replace("://", f"://{self._credentials}", 1)
            return http.get(url, params=params, headers=self._headers, validators=validators)
        except RateLimited:
            raise
        except FetchError as error:
            if error.status not in _LOGGED_OUT:
                raise
            wanted = self._login_wanted(f" (HTTP {error.status})")
            wanted.status = error.status
            raise wanted from None

    def _statuses(self, document: Any, where: str) -> list[Status]:
        found = Fields(document, where).many("statuses", "a status")
        return [read(one, self.host, unindexed=self._unindexed) for one in found]


def _says_there_is_none(error: FetchError) -> bool:
    """404 in the API's own shape; its sentence may be in any language. A page of HTML is somebody else's 404."""
    if error.status != 404 or isinstance(error, BadAnswer):
        return False
    try:
        said = json.loads(error.answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and isinstance(said.get("error"), str)
