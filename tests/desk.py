"""The review desk for tests: the real store in a folder, and people who are logged in to it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from argon2 import PasswordHasher
from starlette.applications import Starlette

from listener.app import App
from listener.cli.serve import listen, serve
from listener.config import load
from listener.desk.app import create
from storage.records import stamp
from storage.records_desk import Role, Session, User
from tests.command import ACME
from tests.conftest import NOW

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes as nobody should, in no time."""

_HASHED = QUICK.hash(PASSWORD)


class DeskAt:
    """A desk on `folder`/listener.db: `with DeskAt(tmp_path) as desk: desk.client("viewer").get("/help")`. `now` may be
    set; `store` and `config` are those of its App."""

    def __init__(self, folder: Path, config: str = ACME, now: datetime = NOW) -> None:
        self.folder = folder
        self.now = now
        path = folder / "listener.toml"
        path.write_text(config, encoding="utf-8")
        path.chmod(0o600)
        self.app = App(load(path, {}), lambda: self.now)
        self.store = self.app.store
        self.config = self.app.config
        self.starlette: Starlette = create(self.app)
        self._open = ExitStack()
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()
        self.app.close()

    def add(self, name: str, role: Role = "reviewer", **others: Any) -> User:
        """An account with PASSWORD."""
        user = User(name, role, _HASHED, stamp(self.now))._replace(**others)
        self.store.add_user(user)
        return user

    def session(self, name: str) -> str:
        """The cookie's value of a new session."""
        secret, now = secrets.token_urlsafe(32), stamp(self.now)
        ends = stamp(self.now + self.config.settings.desk.session)
        self.store.add_session(Session(sha256(secret.encode()).hexdigest(), name, now, now, ends))
        return secret

    def client(self, role: Role | None = "reviewer", name: str = "") -> httpx.Client:
        """A browser: of somebody logged in (named after the role, if not otherwise), or of a stranger (None). It sends
        what a browser sends with its own pages' forms, and follows no redirects."""
        client = self.stranger()
        if role is not None:
            name = name or role
            if self.store.user(name) is None:
                self.add(name, role)
            client.cookies.set("listener", self.session(name), domain="127.0.0.1")
        return client

    def stranger(self, **others: Any) -> httpx.Client:
        """Keyword arguments are httpx.Client's."""
        if self._portal is None:
            self._portal = self._open.enter_context(start_blocking_portal())
        given = {"base_url": "http://127.0.0.1:8400", "headers": {"Sec-Fetch-Site": "same-origin"}} | others
        return self._open.enter_context(httpx.Client(transport=_Within(self.starlette, self._portal), **given))

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address at a loopback port, for browsers."""
        stopping = threading.Event()
        with listen("127.0.0.1", 0) as listening:
            thread = threading.Thread(target=serve, args=(self.starlette, listening, stopping), daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                stopping.set()
                thread.join(5)

    def later(self, **parts: float) -> None:
        """Time passes."""
        self.now += timedelta(**parts)


@contextmanager
def desk_client(folder: Path, role: Role | None = "reviewer", config: str = ACME) -> Iterator[httpx.Client]:
    """One browser at a desk of its own."""
    with DeskAt(folder, config) as desk:
        yield desk.client(role)


class _Within(httpx.BaseTransport):
    """Asks the application itself, without a socket; what goes wrong in it is raised here."""

    def __init__(self, app: Starlette, portal: BlockingPortal) -> None:
        self._asgi = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._asgi.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)
