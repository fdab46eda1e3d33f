"""Who comes in to the review desk, for how long, and who does not."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Literal

import httpx
import pytest
from argon2 import PasswordHasher

from listener.cli.serve import listen
from listener.desk import access
from tests.command import ACME, Command
from tests.desk import PASSWORD, QUICK, DeskAt, desk_client

HTTPS = ACME + '[desk]\naddress = "https://desk.example"\n'
PROXIED = ACME + '[desk]\nproxy_header = "X-User"\nproxy_secret = "between the two of us"\n'
VOUCHED = {"X-Listener-Proxy-Secret": "between the two of us"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(access, "_hasher", QUICK)
    access._nobodys.cache_clear()
    yield
    access._nobodys.cache_clear()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path) as made:
        made.add("Ann")
        yield made


def log_in(client: httpx.Client, name: str = "Ann", password: str = PASSWORD, **others: str) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password} | others)


def secret_of(response: httpx.Response, name: str = "listener") -> str:
    value = response.cookies.get(name)
    assert value
    return value


def session_ids(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "listener.db")) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM sessions")]


# -- logging in


def test_a_name_and_its_password_open_the_desk(desk: DeskAt) -> None:
    browser = desk.stranger()
    assert log_in(browser, next="/help?a=b").headers["location"] == "/help?a=b"
    assert browser.get("/help").status_code == 200
    assert browser.get("/login").headers["location"] == "/"
    assert ">Ann<" in browser.get("/help").text


def test_the_name_may_be_written_in_any_case(desk: DeskAt) -> None:
    browser = desk.stranger()
    assert log_in(browser, " ann ").status_code == 303
    assert ">Ann<" in browser.get("/help").text


@pytest.mark.parametrize(
    ("name", "password"),
    [
        *[("Ann", "wrong"), ("Ann", ""), ("", PASSWORD), ("nobody", PASSWORD), ("gone", PASSWORD), ("proxied", "")],
        *[("Ann", PASSWORD + " "), ("Ann", "x" * 5000), ("a'; --", PASSWORD)],
    ],
)
def test_nothing_else_does_and_all_are_told_the_same(desk: DeskAt, name: str, password: str) -> None:
    desk.add("gone", disabled_at="2026-11-01T00:00:00Z")
    desk.add("proxied", password="")
    answer = log_in(desk.stranger(), name, password)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    assert "The name or the password is wrong." in answer.text


def test_a_name_that_nobody_has_takes_as_much_work(desk: DeskAt, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.add("proxied", password="")
    verified: list[str] = []

    class Counting(PasswordHasher):  # with the parameters in earnest
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(access, "_hasher", Counting())
    access._nobodys.cache_clear()
    desk.add("Bob", password=access.hashed(PASSWORD))
    for name in ("Bob", "nobody", "proxied"):
        log_in(desk.stranger(), name, "wrong wrong wrong")
    assert verified == ["$argon2id$v=19$m=65536,t=3,p=4"] * 3


def test_passwords_are_hashed_anew_when_the_parameters_have_changed(desk: DeskAt) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash(PASSWORD)
    desk.add("bob", password=weak)
    assert log_in(desk.stranger(), "bob").status_code == 303
    bob = desk.store.user("bob")
    assert bob is not None and bob.password != weak and access.matches(bob, PASSWORD)
    assert log_in(desk.stranger(), "bob").status_code == 303
    assert desk.store.user("bob") == bob


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\t/evil.example"],
)
def test_logging_in_leads_nowhere_else(desk: DeskAt, wanted: str) -> None:
    assert log_in(desk.stranger(), next=wanted).headers["location"] == "/"


def test_without_any_account_the_page_says_how_to_add_one(tmp_path: Path) -> None:
    with desk_client(tmp_path, role=None) as browser:
        assert browser.get("/help").headers["location"] == "/login?next=/help"
        asked = browser.get("/login").text
        assert "listener users add NAME --role admin" in asked and "password" not in asked
        assert log_in(browser).status_code == 403


# -- sessions


def test_the_cookie_holds_a_secret_of_which_only_the_hash_is_stored(desk: DeskAt) -> None:
    answer = log_in(desk.stranger())
    secret, cookie = secret_of(answer), answer.headers["set-cookie"].lower()
    assert len(secret) == 43
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie and "domain" not in cookie
    assert session_ids(desk.folder) == [sha256(secret.encode()).hexdigest()]
    assert secret.encode() not in b"".join(one.read_bytes() for one in desk.folder.iterdir() if one.is_file())


def test_over_https_the_cookie_is_bound_to_it(tmp_path: Path) -> None:
    with DeskAt(tmp_path, HTTPS) as desk:
        desk.add("Ann")
        browser = desk.stranger(base_url="https://desk.example")
        cookie = log_in(browser).headers["set-cookie"]
        assert cookie.startswith("__Host-listener=") and "; Secure" in cookie
        assert browser.get("/help").status_code == 200
        plain = desk.stranger(cookies={"listener": browser.cookies["__Host-listener"]})
        assert plain.get("/help").status_code == 303


def test_each_login_begins_a_new_session_and_ends_the_one_before(desk: DeskAt) -> None:
    browser = desk.stranger()
    first = secret_of(log_in(browser))
    second = secret_of(log_in(browser))
    assert first != second and session_ids(desk.folder) == [sha256(second.encode()).hexdigest()]


def test_a_secret_that_somebody_put_there_is_not_taken_over(desk: DeskAt) -> None:
    browser = desk.stranger(cookies={"listener": "planted"})
    assert secret_of(log_in(browser)) != "planted"


def test_a_session_lasts_while_it_is_used_and_seven_days_at_most(desk: DeskAt) -> None:
    browser = desk.client("viewer")
    hours = 0
    while browser.get("/help").status_code == 200:
        desk.later(hours=11)
        hours += 11
    assert 7 * 24 <= hours < 7 * 24 + 11


def test_a_session_ends_when_it_is_not_used(desk: DeskAt) -> None:
    browser = desk.client("viewer")
    desk.later(hours=12, seconds=1)
    assert browser.get("/help").status_code == 303


def test_looking_at_many_pages_costs_hardly_a_write(desk: DeskAt, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, touched = desk.client("viewer"), []
    monkeypatch.setattr(desk.store, "touch_session", lambda *values: touched.append(values))
    for _ in range(20):
        browser.get("/help")
        desk.later(minutes=1)
    assert len(touched) <= 6


def test_after_logging_out_the_old_cookie_is_worth_nothing(desk: DeskAt) -> None:
    browser = desk.stranger()
    stolen = secret_of(log_in(browser))
    answer = browser.post("/logout")
    assert answer.headers["location"] == "/login" and "listener" not in browser.cookies
    assert "You are logged out." in browser.get("/login").text
    assert "You are logged out." not in browser.get("/login").text  # said once
    thief = desk.stranger(cookies={"listener": stolen})
    assert thief.get("/help").status_code == 303 and thief.post("/users").status_code == 403


def test_a_new_password_and_disabling_end_every_session(desk: DeskAt, tmp_path: Path) -> None:
    listener = Command(tmp_path, None)
    first, second, other = desk.client(name="Ann"), desk.client(name="Ann"), desk.client(name="bob")
    assert listener("users", "token", "ann").code == 0
    changed = listener("users", "passwd", "ann", "--password-stdin", stdin=b"another long one\n")
    assert changed.code == 0 and "tokens of theirs that still work: 1" in changed.out
    assert [one.get("/help").status_code for one in (first, second, other)] == [303, 303, 200]
    third = desk.stranger()
    assert log_in(third).status_code == 403 and log_in(third, password="another long one").status_code == 303
    assert listener("users", "disable", "Ann").code == 0
    assert third.get("/help").status_code == 303
    assert listener("users", "enable", "Ann").code == 0
    assert third.get("/help").status_code == 303  # the account may come in again, its old sessions may not


def test_a_new_role_holds_from_the_next_click_on(desk: DeskAt, tmp_path: Path) -> None:
    browser = desk.client("admin", "root")
    assert browser.get("/users").status_code == 200
    assert Command(tmp_path, None)("users", "set-role", "root", "viewer").code == 0
    assert browser.get("/users").status_code == 403


# -- guessing


def test_five_wrong_passwords_close_a_name_for_a_while(desk: DeskAt) -> None:
    for _ in range(5):
        assert log_in(desk.stranger(), password="guess").status_code == 403
    refused = log_in(desk.stranger(), "ANN")
    assert (
        refused.status_code == 429 and refused.headers["retry-after"] == "900" and "set-cookie" not in refused.headers
    )
    desk.add("bob")
    assert log_in(desk.stranger(), "bob").status_code == 303
    desk.later(minutes=15, seconds=1)
    assert log_in(desk.stranger()).status_code == 303


def test_a_good_login_forgives_the_wrong_ones_before_it(desk: DeskAt) -> None:
    for _ in range(3):
        for _ in range(4):
            assert log_in(desk.stranger(), password="guess").status_code == 403
        desk.later(seconds=1)
        assert log_in(desk.stranger()).status_code == 303
        desk.later(seconds=1)


def test_twenty_wrong_passwords_close_an_address_whatever_the_names(desk: DeskAt) -> None:
    for number in range(20):
        assert log_in(desk.stranger(), f"name{number}").status_code == 403
    assert log_in(desk.stranger()).status_code == 429


def test_names_that_nobody_has_are_limited_the_same(desk: DeskAt) -> None:
    answers = [log_in(desk.stranger(), "Nobody" if n % 2 else "nobody").status_code for n in range(6)]
    assert answers == [403] * 5 + [429]


def test_a_restart_forgets_no_guess(tmp_path: Path) -> None:
    with DeskAt(tmp_path) as desk:
        desk.add("Ann")
        for _ in range(5):
            log_in(desk.stranger(), password="guess")
    with DeskAt(tmp_path) as desk:
        assert log_in(desk.stranger()).status_code == 429


def test_guesses_at_the_same_time_are_counted_too(desk: DeskAt) -> None:
    desk.stranger()
    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(lambda _: log_in(desk.stranger(), password="guess").status_code, range(12)))
    assert codes.count(403) <= 5 and set(codes) == {403, 429}


def test_nobody_says_they_come_from_elsewhere(desk: DeskAt) -> None:
    for number in range(20):
        log_in(
            desk.stranger(headers={"X-Forwarded-For": f"203.0.113.{number}", "Sec-Fetch-Site": "none"}), f"n{number}"
        )
    assert log_in(desk.stranger()).status_code == 429


def test_behind_a_proxy_one_guesser_closes_nobody_else_out(tmp_path: Path) -> None:
    with DeskAt(tmp_path, HTTPS) as desk:
        desk.add("Ann")
        at = {"base_url": "https://desk.example"}
        for number in range(20):
            forged = {"X-Forwarded-For": f"192.0.2.{number}, 203.0.113.9", "Sec-Fetch-Site": "same-origin"}
            log_in(desk.stranger(headers=forged, **at), f"n{number}")
        there = {"X-Forwarded-For": "203.0.113.9", "Sec-Fetch-Site": "same-origin"}
        assert log_in(desk.stranger(headers=there, **at)).status_code == 429
        elsewhere = {"X-Forwarded-For": "203.0.113.10", "Sec-Fetch-Site": "same-origin"}
        assert log_in(desk.stranger(headers=elsewhere, **at)).status_code == 303


def test_a_household_has_one_address(tmp_path: Path) -> None:
    with DeskAt(tmp_path, HTTPS) as desk:
        desk.add("Ann")
        for number in range(21):
            headers = {"X-Forwarded-For": f"2001:db8:1:2::{number:x}", "Sec-Fetch-Site": "same-origin"}
            answer = log_in(desk.stranger(headers=headers, base_url="https://desk.example"), f"n{number}")
        assert answer.status_code == 429


# -- a proxy that vouches


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path, PROXIED) as made:
        made.add("ann@acme.example", "viewer", password="")
        yield made


def test_a_proxy_with_the_secret_says_who_asks(proxied: DeskAt) -> None:
    browser = proxied.stranger(headers=VOUCHED | {"X-User": "ann@acme.example", "Sec-Fetch-Site": "same-origin"})
    assert "ann@acme.example" in browser.get("/help").text
    assert browser.get("/users").status_code == 403
    assert browser.post("/logout").headers["location"] == "/"  # only the proxy can


@pytest.mark.parametrize("secret", ["", "between the two of", "between the two of us!", "ünïcode"])
def test_without_the_secret_the_header_is_nothing(proxied: DeskAt, secret: str) -> None:
    headers = {b"X-Listener-Proxy-Secret": secret.encode(), b"X-User": b"ann@acme.example"}
    assert proxied.stranger(headers=headers).get("/help").status_code == 303


def test_whom_the_proxy_names_and_nobody_knows_gets_a_page_that_says_so(proxied: DeskAt) -> None:
    proxied.add("gone", disabled_at="2026-11-01T00:00:00Z")
    for name in ("stranger", "gone", ""):
        answer = proxied.stranger(headers=VOUCHED | {"X-User": name}).get("/help")
        assert answer.status_code == 403 and "You have no account at this desk" in answer.text


def test_two_names_are_none(proxied: DeskAt) -> None:
    twice = [*VOUCHED.items(), ("X-User", "ann@acme.example"), ("X-User", "ann@acme.example")]
    assert proxied.stranger(headers=twice).get("/help").status_code == 403


def test_a_header_opens_no_desk_that_knows_of_no_proxy(tmp_path: Path) -> None:
    with DeskAt(tmp_path, ACME) as desk:
        desk.add("ann")
        for headers in ({"X-User": "ann"}, {"X-User": "ann", "X-Listener-Proxy-Secret": ""}):
            assert desk.stranger(headers=headers).get("/help").status_code == 303


# -- the page of accounts


def test_an_admin_changes_the_accounts_of_others(desk: DeskAt) -> None:
    admin, ann = desk.client("admin", "root"), desk.client(name="Ann")
    assert admin.post("/users", data={"name": "ann", "action": "role", "value": "viewer"}).status_code == 303
    assert (user := desk.store.user("Ann")) and user.role == "viewer"
    assert "Ann: done." in admin.get("/users").text
    admin.post("/users", data={"name": "Ann", "action": "disable"})
    assert ann.get("/help").status_code == 303
    admin.post("/users", data={"name": "Ann", "action": "enable"})
    ann = desk.client(name="Ann")
    assert ann.get("/help").status_code == 200
    admin.post("/users", data={"name": "Ann", "action": "sessions"})
    assert ann.get("/help").status_code == 303


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "root", "action": "disable"}, 400),
        ({"name": "root", "action": "role", "value": "viewer"}, 400),
        ({"name": "Ann", "action": "role", "value": "owner"}, 400),
        ({"name": "Ann", "action": "delete"}, 400),
        ({"name": "nobody", "action": "disable"}, 404),
        ({}, 404),
    ],
)
def test_what_makes_no_sense_changes_nothing(desk: DeskAt, fields: dict[str, str], code: int) -> None:
    admin = desk.client("admin", "root")
    before = desk.store.users()
    assert admin.post("/users", data=fields).status_code == code
    assert desk.store.users() == before


# -- listener users


def test_accounts_are_added_listed_and_changed(tmp_path: Path) -> None:
    listener = Command(tmp_path)
    assert "there is no account" in listener("users", "list").out
    assert listener("users", "add", "Ann", "--role", "admin", "--password-stdin", stdin=b"long enough\n").code == 0
    assert listener("users", "add", "bob", "--role", "viewer", "--proxy-only").code == 0
    assert listener("users", "set-role", "BOB", "reviewer").code == 0
    listed = listener("users", "list", "--json").json
    assert [(one["name"], one["role"], one["password"]) for one in listed] == [
        ("Ann", "admin", True),
        ("bob", "reviewer", False),
    ]
    assert "argon2" not in listener("users", "list", "--json").out + listener("users", "list").out
    assert listener("users", "sessions", "end", "bob").out == "bob: 0 sessions ended.\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("add", "ann", "--role", "admin", "--password-stdin"), b"long enough\n", "there is an account 'ann'"),
        (("add", "bob", "--role", "owner", "--password-stdin"), b"long enough\n", "owner"),
        (("add", "bob", "--role", "viewer", "--password-stdin"), b"short\n", "10 to 1024 characters"),
        (("add", "bob", "--role", "viewer", "--password-stdin"), b"", "10 to 1024 characters"),
        (("add", "bob", "--role", "viewer"), b"long enough\n", "--password-stdin"),
        (("add", "a b", "--role", "viewer", "--password-stdin"), b"long enough\n", "is no name"),
        (("add", "x" * 65, "--role", "viewer", "--password-stdin"), b"long enough\n", "is no name"),
        (("passwd", "bob", "--password-stdin"), b"long enough\n", "there is no account 'bob'"),
        (("disable", "bob"), b"", "there is no account 'bob'"),
        (("sessions", "end", "bob"), b"", "there is no account 'bob'"),
    ],
)
def test_mistakes_are_said_and_nothing_is_changed(
    desk: DeskAt, tmp_path: Path, arguments: tuple[str, ...], stdin: bytes, said: str
) -> None:
    before = desk.store.users()
    ended = Command(tmp_path, None)("users", *arguments, stdin=stdin)
    assert ended.code == 2 and said in ended.err
    assert desk.store.users() == before


def test_on_a_terminal_the_password_is_asked_for_twice(desk: DeskAt) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "listener", "-c", str(desk.folder / "listener.toml")]
    with subprocess.Popen(
        [*command, "users", "add", "bob", "--role", "viewer"],
        stdin=theirs,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # without a terminal of its own it asks on the one it is given
    ) as process:
        assert process.stderr is not None
        for asked in (b"Password: ", b"Repeat for confirmation: "):
            seen = b""
            while not seen.endswith(asked):
                read = process.stderr.read(1)
                assert read, seen
                seen += read
            os.write(ours, PASSWORD.encode() + b"\n")
        assert process.wait(20) == 0
    os.close(theirs)
    os.close(ours)
    assert log_in(desk.stranger(), "bob").status_code == 303


# -- listener serve


class Serving:
    """`listener serve` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "listener", "-c", str(folder / "listener.toml"), "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, (line, self.process.communicate(timeout=5))
        return found[0]

    def stop(self) -> tuple[int, str, float]:
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=10)
        return self.process.returncode, err, time.monotonic() - began


def test_the_desk_is_served_until_it_is_told_to_stop(desk: DeskAt) -> None:
    serving = Serving(desk.folder, "--port", "0")
    address = serving.address()
    assert not address.endswith(":0/")
    with httpx.Client(base_url=address) as browser, socket.create_connection(("127.0.0.1", browser.base_url.port or 0)):
        assert browser.get("login?next=/secret-words").status_code == 200
        assert log_in(browser).status_code == 403  # it does not say which page it comes from
        browser.headers["Origin"] = address.rstrip("/")
        assert log_in(browser).status_code == 303
        code, err, seconds = serving.stop()
    assert code == 0 and seconds < 5 and err.endswith("stopped.\n")
    assert "secret-words" not in err and "Traceback" not in err


def test_no_answer_waits_for_the_network_to_acknowledge_its_first_half(desk: DeskAt) -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP  # what asyncio sets TCP_NODELAY on
    browser = desk.client("viewer")
    with desk.served() as address, httpx.Client(base_url=address, cookies=dict(browser.cookies)) as client:
        seconds = [client.get("/help").elapsed.total_seconds() for _ in range(20)]
    assert min(seconds) < 0.03


@pytest.mark.parametrize("at", ["0.0.0.0", "::", "192.0.2.1", "desk.example"])
def test_nothing_is_served_beyond_this_machine_before_there_is_an_account(tmp_path: Path, at: str) -> None:
    listener = Command(tmp_path)
    for arguments in (("--bind", at), ()):
        if not arguments:
            listener.config.write_text(ACME + f'[desk]\nbind = "{at}"\n')
        ended = listener("serve", "--port", "0", *arguments)
        assert ended.code == 2 and "listener users add NAME --role admin" in ended.err


def test_a_disabled_account_is_none(tmp_path: Path) -> None:
    with DeskAt(tmp_path) as desk:
        desk.add("ann", disabled_at="2026-11-01T00:00:00Z")
    assert Command(tmp_path, None)("serve", "--bind", "0.0.0.0", "--port", "0").code == 2


def test_a_port_that_is_taken_is_said_in_one_sentence(desk: DeskAt, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = Serving(tmp_path, "--port", str(port))
        out, err = serving.process.communicate(timeout=20)
    assert serving.process.returncode == 1 and out == ""
    assert err == (
        f"listener: the desk cannot be served at 127.0.0.1, port {port}: Address already in use; "
        "choose another with --bind or --port.\n"
    )
