"""What the review desk refuses, on every route, and what all its answers carry."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from listener.desk import app as desk_app
from listener.desk.app import ENTRIES
from listener.desk.assets import asset_path, assets
from listener.desk.context import Entry
from listener.desk.security import BODY_LIMIT, FIELD_LIMIT, is_from_here, is_our_name, local_path
from storage.errors import StoreBusy
from storage.records_desk import ROLES
from tests.command import ACME
from tests.conftest import NOW
from tests.desk import DeskAt
from tests.made import AT, arrival

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
OPEN_TO_ALL = re.compile(
    r"/(login|logout|static/\{file\}|favicon\.ico|healthz|metrics|api/.*|views/\{name:path\}\.json)"
)
"""What has no role: where one logs in, what holds nothing, and what asks for a token itself."""

MENTION = arrival("1")
VALUES = {"id": MENTION.mentions[0][0].id, "file": "desk.css"}
CASES = [(entry, method) for entry in ENTRIES for method in entry.methods]
GUARDED = [(entry, method) for entry, method in CASES if entry.role is not None]
CHANGING = [(entry, method) for entry, method in CASES if method != "GET"]


def path_of(entry: Entry) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: VALUES.get(found[1], "x"), entry.path)


def named(case: object) -> str:
    return f"{case.path}" if isinstance(case, Entry) else str(case)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskAt]:
    with DeskAt(tmp_path_factory.mktemp("desk"), now=NOW) as made:
        made.store.add_page([MENTION], AT)
        for role in ROLES:
            made.add(role, role)
        yield made


def stored(desk: DeskAt) -> list[str]:
    """Everything in the database but who is logged in."""
    with closing(sqlite3.connect(desk.folder / "listener.db")) as connection:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        return [
            f"{table}: {sorted(map(repr, connection.execute(f'SELECT * FROM {table}')))}"
            for table in tables
            if table not in ("sessions",) and not table.startswith("posts_fts")
        ]


def carries_all(answer: httpx.Response, referrer: str = "no-referrer") -> None:
    headers = answer.headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == referrer
    assert headers.get("cross-origin-opener-policy") == ("same-origin" if referrer == "no-referrer" else None)
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] and "server" not in headers


def is_clear(answer: httpx.Response, code: int, referrer: str = "no-referrer") -> None:
    """A page for a person that says what was wrong, in all its headers."""
    assert answer.status_code == code, answer.text
    carries_all(answer, referrer)
    assert answer.headers["cache-control"] == "no-store"
    if answer.headers["content-type"] != "application/json":
        assert "<h1>" in answer.text and "Traceback" not in answer.text and str(code) in answer.text


# -- every route


def test_the_table_is_what_is_served(desk: DeskAt) -> None:
    assert {route.path for route in desk.starlette.routes} == {entry.path for entry in ENTRIES}  # type: ignore[attr-defined]
    assert len(CASES) == len({(entry.path, method) for entry, method in CASES})


def test_only_what_holds_nothing_is_open_to_all() -> None:
    for entry in ENTRIES:
        assert entry.role is not None or OPEN_TO_ALL.fullmatch(entry.path), entry.path


@pytest.mark.parametrize(("entry", "method"), GUARDED, ids=named)
def test_strangers_are_sent_to_the_login_page(desk: DeskAt, entry: Entry, method: str) -> None:
    before = stored(desk)
    for cookies in ({}, {"listener": "x"}, {"listener": "x" * 43}, {"__Host-listener": desk.session("admin")}):
        answer = desk.stranger(cookies=cookies).request(method, path_of(entry))
        if method == "GET":
            assert answer.status_code == 303 and urlsplit(answer.headers["location"]).path == "/login"
            carries_all(answer)
        else:
            is_clear(answer, 403)
    assert stored(desk) == before


@pytest.mark.parametrize(("entry", "method"), GUARDED, ids=named)
def test_too_small_a_role_is_refused(desk: DeskAt, entry: Entry, method: str) -> None:
    before = stored(desk)
    assert entry.role is not None
    for role in ROLES[: ROLES.index(entry.role)]:
        is_clear(desk.client(role).request(method, path_of(entry)), 403)
    assert stored(desk) == before


@pytest.mark.parametrize(("entry", "method"), CHANGING, ids=named)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8400"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8401"},
        {"Referer": "http://evil.example/http://127.0.0.1:8400/"},
        {"Authorization": "Bearer x", "Sec-Fetch-Site": "cross-site"},
        {},
    ],
    ids=str,
)
def test_what_another_site_posts_is_refused(desk: DeskAt, entry: Entry, method: str, headers: dict[str, str]) -> None:
    admin = desk.client("admin")
    del admin.headers["Sec-Fetch-Site"]
    before = stored(desk)
    is_clear(admin.request(method, path_of(entry), headers=headers, data={"name": "viewer", "action": "disable"}), 403)
    assert stored(desk) == before
    assert desk.store.user("viewer") is not None and admin.get("/help").status_code == 200


@pytest.mark.parametrize(("entry", "method"), GUARDED, ids=named)
def test_who_has_the_role_is_let_in(desk: DeskAt, entry: Entry, method: str) -> None:
    assert entry.role is not None
    if method == "GET":
        answer = desk.client(entry.role).get(path_of(entry))
        assert answer.status_code in (200, 303, 404) and not answer.headers.get("location", "").startswith("/login")
        carries_all(answer)


@pytest.mark.parametrize("path", sorted({path_of(entry) for entry in ENTRIES}))
def test_methods_that_a_path_does_not_have(desk: DeskAt, path: str) -> None:
    theirs = {method for entry, method in CASES if path_of(entry) == path}
    client = desk.client("admin")
    allow = client.options(path)
    assert allow.status_code == 204 and theirs | {"OPTIONS"} <= set(allow.headers["allow"].split(", "))
    carries_all(allow)
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} - theirs:
        answer = client.request(method, path)
        is_clear(answer, 405)
        assert answer.headers["allow"] == allow.headers["allow"]


@pytest.mark.parametrize(("entry", "method"), GUARDED, ids=named)
def test_malformed_forms_and_queries_are_no_traceback(desk: DeskAt, entry: Entry, method: str) -> None:
    client = desk.client("admin")
    for query in ("?%", "?a=%zz", "?a=%00", "?a=%ff%fe", "?" + "&" * 600, "?a=%ed%a0%80"):
        is_clear(client.request(method, path_of(entry) + query), 400)
    for query in ("?q=%F0%9F%8D%95&brand=x&state=y&after=garbage", "?after=%2527&since=yesterday&rating=NaN"):
        assert client.request(method, path_of(entry) + query).status_code < 500


# -- what is asked


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/nowhere",
            "/login/",
            "//login",
            "/LOGIN",
            "/static/",
            "/static",
            "/static/../app.py",
            "/.git/config",
        ),
        *(
            "/static/..%2fapp.py",
            "/static/%2e%2e/app.py",
            "/static/desk.css/",
            "/static/nowhere.js",
            "/static/__init__.py",
        ),
        *("/%2e%2e/%2e%2e/etc/passwd", "//evil.example/%2f..", "/static//etc/passwd", "/users;admin", "/users%2f"),
    ],
)
def test_no_other_path_leads_anywhere(desk: DeskAt, path: str) -> None:
    for client in (desk.client("admin"), desk.stranger()):
        is_clear(client.get(f"http://127.0.0.1:8400{path}"), 404)


@pytest.mark.parametrize(
    "path", ["/%00", "/login%00", "/login%0d%0aSet-Cookie:x", "/%ff", "/%5c..%5c", "/static/desk.css%00.js"]
)
def test_paths_that_are_no_text_are_refused(desk: DeskAt, path: str) -> None:
    answer = desk.stranger().get(path)
    is_clear(answer, 400)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "a b",
        "evil.example@127.0.0.1",
        "127.0.0.1/x",
    ],
)
def test_a_name_that_is_not_ours_is_refused(desk: DeskAt, host: str) -> None:
    for method in ("GET", "POST"):
        is_clear(desk.client("admin").request(method, "/login", headers={"Host": host}), 400, "same-origin")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8400", "localhost:9", "[::1]:8400", "192.0.2.7:80", "desk.localhost"]
)
def test_addresses_and_localhost_are_ours(desk: DeskAt, host: str) -> None:
    assert desk.stranger().get("/login", headers={"Host": host}).status_code == 200


def test_the_configured_name_is_ours(tmp_path: Path) -> None:
    with DeskAt(tmp_path, ACME + '[desk]\naddress = "https://Desk.example:8443"\nbind = "inner.lan"\n') as desk:
        for host, code in (("desk.example:8443", 200), ("DESK.example", 200), ("inner.lan", 200), ("other.lan", 400)):
            assert desk.stranger().get("/login", headers={"Host": host}).status_code == code


def test_over_plain_http_pages_let_forms_say_where_they_come_from(tmp_path: Path) -> None:
    """There browsers send no Sec-Fetch-Site; and with no-referrer they would send "Origin: null" with our own forms."""
    with DeskAt(tmp_path, ACME + '[desk]\naddress = "http://desk.lan"\n') as desk:
        assert desk.stranger(base_url="http://desk.lan").get("/login").headers["referrer-policy"] == "same-origin"
        assert desk.stranger(base_url="http://192.0.2.7").get("/login").headers["referrer-policy"] == "same-origin"
        assert desk.stranger(base_url="http://localhost").get("/login").headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": ""}, False),
        ({"origin": "http://desk.lan:8400", "host": "desk.lan:8400"}, True),
        ({"origin": "http://DESK.lan:8400", "host": "desk.LAN:8400"}, True),
        ({"referer": "http://desk.lan:8400/mentions?x", "host": "desk.lan:8400"}, True),
        ({"origin": "https://desk.example", "host": "inner:8400"}, True),
        ({"origin": "http://desk.lan:8401", "host": "desk.lan:8400"}, False),
        ({"origin": "http://desk.lan:8400@evil.example", "host": "desk.lan:8400"}, False),
        ({"origin": "null", "host": "null"}, False),
        ({"origin": "http://[", "host": "["}, False),
        ({"host": "desk.lan"}, False),
        ({}, False),
        ({"authorization": "Bearer token"}, True),
        ({"authorization": "Bearer token", "cookie": "listener=x"}, False),
        ({"authorization": "Basic dTpw"}, False),
    ],
    ids=str,
)
def test_who_is_from_here(headers: dict[str, str], ours: bool) -> None:
    assert is_from_here(headers, "https://desk.example") is ours


# -- how much


def test_a_body_that_is_too_large_is_refused(desk: DeskAt) -> None:
    client = desk.client("admin")
    largest = {"name": "viewer", "action": "sessions", "x": "a" * (BODY_LIMIT - 35)}
    assert client.post("/users", data=largest).status_code == 303
    before = stored(desk)
    for size in (BODY_LIMIT, 4 * BODY_LIMIT, 20 * BODY_LIMIT):
        is_clear(client.post("/users", data={"name": "viewer", "action": "disable", "x": "a" * size}), 413)
    is_clear(client.post("/users", headers={"Content-Length": "9" * 30}), 413)
    assert stored(desk) == before


def test_whoever_sends_too_much_over_a_real_line_sees_why(desk: DeskAt) -> None:
    with desk.served() as address, httpx.Client(headers={"Sec-Fetch-Site": "none"}) as browser:
        is_clear(browser.post(f"{address}/login", content=b"x" * 8 * BODY_LIMIT), 413)

        def endless() -> Iterator[bytes]:
            for _ in range(12):
                yield b"x" * BODY_LIMIT

        is_clear(browser.post(f"{address}/login", content=endless()), 413)


def test_a_body_that_never_comes_holds_nobody_up(desk: DeskAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listener.desk.security._BODY_SECONDS", 0.2)
    with desk.served() as address, socket.create_connection(("127.0.0.1", urlsplit(address).port or 0)) as line:
        line.settimeout(5)
        line.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nContent-Length: 10\r\n\r\nna")
        assert line.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_form_has_an_end(desk: DeskAt) -> None:
    client = desk.client("admin")
    many = "&".join(f"ids={n}" for n in range(FIELD_LIMIT - 2))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/users", content=f"{many}&name=viewer&action=sessions", headers=form).status_code == 303
    is_clear(client.post("/users", content=f"{many}&a&b&name=viewer&action=sessions", headers=form), 400)
    parts = {f"f{n}": (None, "x") for n in range(FIELD_LIMIT + 1)}
    is_clear(client.post("/users", files=parts), 400)
    assert client.post("/users", files={"name": (None, "viewer"), "action": (None, "sessions")}).status_code == 303


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"garbage"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n1\r\n--x--',
        ),
        ("multipart/form-data; boundary=" + "x" * 3000, b"--"),
        (
            "multipart/form-data; boundary=x; charset=\xff",
            b'--x\r\nContent-Disposition: form-data; name="\0"\r\n\r\n1\r\n--x--',
        ),
        ("application/x-www-form-urlencoded", b"name=a%00b"),
        ("application/x-www-form-urlencoded", b"name=a%1bb"),
    ],
)
def test_what_is_no_form_is_refused(desk: DeskAt, kind: str, content: bytes) -> None:
    kinds = {b"Content-Type": kind.encode("latin-1")}
    answer = desk.client("admin").post("/users", content=content, headers=kinds)
    is_clear(answer, 400)
    assert "<h1>The form " in answer.text


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/x-www-form-urlencoded; charset=%"])
def test_what_comes_as_something_else_is_no_form(desk: DeskAt, kind: str) -> None:
    answer = desk.client("admin").post("/users", content=b'{"name": "viewer"}', headers={"Content-Type": kind})
    assert answer.status_code in (400, 404)


@given(
    content=st.binary(max_size=200),
    kind=st.sampled_from(["urlencoded", "multipart"]),
    query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=50),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_request_breaks_the_desk(browser: httpx.Client, content: bytes, kind: str, query: str) -> None:
    types = {"urlencoded": "application/x-www-form-urlencoded", "multipart": "multipart/form-data; boundary=x"}
    if kind == "multipart":
        content = b'--x\r\nContent-Disposition: form-data; name="n"\r\n' + content
    url = f"/login?{query.replace('#', '')}"
    answer = browser.post(url, content=content, headers={"Content-Type": types[kind]})
    assert answer.status_code in (400, 403, 429)


@pytest.fixture
def browser(desk: DeskAt) -> httpx.Client:
    return desk.stranger()


# -- what comes back


def test_a_page_of_its_own_for_what_goes_wrong_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> PlainTextResponse:
        raise ZeroDivisionError("a secret")

    def busy(request: Request) -> PlainTextResponse:
        raise StoreBusy("/somewhere/listener.db: busy")

    entries = (*ENTRIES, Entry("/broken", broken), Entry("/busy", busy), Entry("/api/broken", broken))
    monkeypatch.setattr(desk_app, "ENTRIES", entries)
    with DeskAt(tmp_path) as desk:
        client = desk.client("viewer")
        answer = client.get("/broken")
        is_clear(answer, 500)
        assert "ZeroDivisionError" in answer.text and "a secret" not in answer.text and "a secret" in caplog.text
        answer = client.get("/busy")
        is_clear(answer, 503)
        assert "/somewhere" not in answer.text and answer.headers["retry-after"]
        assert "error" in client.get("/api/broken").json()


def test_htmx_is_told_to_go_to_the_login_page(desk: DeskAt) -> None:
    answer = desk.stranger().get("/help", headers={"HX-Request": "true"})
    assert answer.status_code == 403 and answer.headers["hx-redirect"] == "/login"


def test_nothing_is_said_that_another_site_has_put_into_the_address(desk: DeskAt) -> None:
    text = desk.client("admin").get("/help?said=<script>alert(1)</script>&flash=x", headers={"Cookie": "a=b"}).text
    assert "alert(1)" not in text
    said = desk.client("admin").get("/help", headers={"Cookie": "listener-said=%3Cscript%3E%00%ff"})
    assert "<script>%" not in said.text and said.status_code in (200, 303)


def test_only_html_escaped_words_come_back(desk: DeskAt) -> None:
    answer = desk.stranger().post("/login", data={"name": '"><script>alert(1)</script>', "password": "x"})
    assert "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text


def test_assets_are_kept_for_ever_under_the_name_of_their_content(desk: DeskAt) -> None:
    stranger = desk.stranger()
    for name, asset in assets().items():
        answer = stranger.get(asset_path(name))
        assert answer.content == asset.content and "immutable" in answer.headers["cache-control"]
        carries_all(answer)
        plain = stranger.get(f"/static/{name}?v=other")
        assert plain.headers["cache-control"] == "no-cache"
        again = stranger.get(f"/static/{name}", headers={"If-None-Match": plain.headers["etag"]})
        assert again.status_code == 304 and not again.content
    assert "htmx.min.js" in assets()


def test_pages_need_nothing_that_the_policy_forbids(desk: DeskAt) -> None:
    pages = [desk.stranger().get("/login"), desk.client("admin").get("/users"), desk.client("admin").get("/nowhere")]
    for text in [page.text for page in pages] + [desk.client("viewer").get("/help").text]:
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|javascript:|hx-on|https?://|<script(?![^>]* src=\"/static/)", text
        )


def test_htmx_comes_with_its_licence_and_is_told_to_leave_styles_alone(desk: DeskAt) -> None:
    assert b"Zero-Clause BSD" in assets()["htmx.min.js"].content[:200]
    assert '"includeIndicatorCSS": false' in desk.stranger().get("/login").text


# -- single parts


@given(st.text(max_size=30))
def test_going_back_never_leads_elsewhere(path: str) -> None:
    kept = local_path(path, "/else")
    assert kept in (path, "/else") and kept.startswith("/")
    assert not kept.startswith(("//", "/\\")) and not urlsplit(kept).netloc


@given(st.text(max_size=40))
def test_any_host_is_read(host: str) -> None:
    is_our_name(host, frozenset())
