"""No private address is connected to, whatever its name, spelling or redirect; and no call outlives its deadline."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.addresses import AllowList, is_public
from connectors.errors import BlockedAddress, FetchError
from connectors.http import HttpClient
from tests.hostile import HostileServer

Resolver = Callable[[str, int], Sequence[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


def client(allow: Sequence[str] = (), resolve: Resolver | None = None, deadline: float = 2.0) -> HttpClient:
    more = {"resolve": resolve} if resolve else {}
    return HttpClient(
        user_agent="listener-tests (mailto:tests@example.org)",
        now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        gap=0.0,
        deadline=deadline,
        allow_private=allow,
        **more,  # type: ignore[arg-type]
    )


PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:1ff::1
2001:db8::1 2002:7f00:1:: 3fff::1 3fff:fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
127.1 2130706433 0x7f000001 localhost
"""
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.255.255 172.32.0.1
192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255
2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 3ffe::1 2003::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_no_v4_address_is_public_in_a_v6_disguise(number: int) -> None:
    for prefix in ("::", "::ffff:0:0", "64:ff9b::", "64:ff9b:1::"):
        assert not is_public(str(IPv6Address(int(IPv6Address(prefix)) + number)))
    assert not is_public(str(IPv6Address((0x2002 << 112) + (number << 80))))


@given(st.text(max_size=40))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert is_public(text) in (True, False)


SPELLINGS = """
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 0 0.0.0.0
localhost LOCALHOST localhost.
[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::] [0:0:0:0:0:0:0:1]
"""


@pytest.mark.parametrize("host", SPELLINGS.split())
def test_no_spelling_of_loopback_is_connected_to(server: HostileServer, host: str) -> None:
    before = server.connections
    # Some spellings are refused as private, some are no address at all; none connects.
    with client() as http, pytest.raises(FetchError):
        http.get(f"http://{host}:{server.port}/ok")
    assert server.connections == before


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example\\@127.0.0.1:{port}/ok",
        "http://good.example#@127.0.0.1:{port}/ok",
        "http://user:pw@127.0.0.1:{port}/ok",
        "http://１２７.0.0.1:{port}/ok",
        "http://127%2e0.0.1:{port}/ok",
    ],
)
def test_no_trick_with_the_authority_reaches_loopback(server: HostileServer, url: str) -> None:
    before = server.connections
    with client(resolve=lambda host, port: ["192.168.0.1"]) as http, pytest.raises(FetchError):
        http.get(url.format(port=server.port))
    assert server.connections == before


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x/", "//x/y", "/x", "", "http://"]
)
def test_only_http_and_https_are_asked(url: str) -> None:
    with client(["127.0.0.1/32"]) as http, pytest.raises(BlockedAddress):
        http.get(url)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://x:99999/", "http://x:-1/", "http://a b/", "http://x/\r\nHost: y"]
)
def test_an_unusable_address_is_one_sentence(url: str) -> None:
    with client() as http, pytest.raises(FetchError) as caught:
        http.get(url)
    assert "\n" not in str(caught.value)


def test_one_bad_record_among_good_ones_refuses_the_name(server: HostileServer) -> None:
    with client(resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"]) as http, pytest.raises(BlockedAddress):
        http.get(f"http://mixed.example:{server.port}/ok")


def test_the_connection_goes_to_the_address_that_was_checked(server: HostileServer) -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with client(["127.0.0.1/32"], once) as http:
        assert http.get(f"http://named.example:{server.port}/ok").body == b"fine"
    assert asked == ["named.example"]
    assert server.requests[-1].headers["host"] == f"named.example:{server.port}"


@pytest.mark.parametrize("turn", [2, 3, 4])
def test_a_name_that_turns_private_is_refused_at_its_next_look_up(server: HostileServer, turn: int) -> None:
    looked = 0

    def rebinding(host: str, port: int) -> Sequence[str]:
        nonlocal looked
        looked += 1
        return ["127.0.0.1"] if looked < turn else ["127.0.0.2"]

    server.say("/bye", b"bye", headers={"Connection": "close"})
    with client(["127.0.0.1/32"], rebinding) as http:
        for _ in range(turn - 1):
            http.get(f"http://rebind.example:{server.port}/bye")
        with pytest.raises(BlockedAddress):
            http.get(f"http://rebind.example:{server.port}/bye")


def test_a_redirect_to_a_private_address_is_refused(server: HostileServer) -> None:
    with client(["127.0.0.1/32"]) as http, pytest.raises(BlockedAddress) as caught:
        http.get(server.url("/redirect-private"))
    assert "10.0.0.1" in str(caught.value)
    assert "allow_private" in str(caught.value)


def test_an_allowed_port_opens_no_other_port(server: HostileServer) -> None:
    with HostileServer() as canary, client([f"127.0.0.1/32:{server.port}"]) as http:
        assert http.get(server.url("/ok")).status == 200
        for url in (canary.url("/ok"), server.url(f"/redirect/302?to={canary.url('/ok')}")):
            with pytest.raises(BlockedAddress):
                http.get(url)
        assert canary.connections == 0


def test_an_allowed_host_name_opens_that_name_only(server: HostileServer) -> None:
    with client([f"Chat.LAN:{server.port}"], lambda host, port: ["127.0.0.1"]) as http:
        assert http.get(f"http://chat.lan:{server.port}/ok").status == 200
        with pytest.raises(BlockedAddress):
            http.get(f"http://other.lan:{server.port}/ok")


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "permitted"),
    [
        ("10.0.0.0/8", "x", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "x", "11.1.2.3", 80, False),
        ("127.0.0.1", "x", "127.0.0.1", 9, True),
        ("::1/128", "x", "::1", 80, True),
        ("[::1/128]:8065", "x", "::1", 8065, True),
        ("[::1]:8065", "x", "::1", 8066, False),
        ("127.0.0.1/32", "x", "::ffff:127.0.0.1", 80, False),
        ("localhost:80", "localhost.", "::1", 80, True),
        ("localhost:80", "localhost.evil.example", "127.0.0.1", 80, False),
    ],
)
def test_the_allow_list_permits_exactly(entry: str, host: str, address: str, port: int, permitted: bool) -> None:
    assert AllowList([entry]).permits(host, address, port) is permitted


@pytest.mark.parametrize(
    "entry", ["", "localhost", "10.0.0.1/8", "127.0.0.1:0", "x:99999", "http://x:80", "300.0.0.1:80"]
)
def test_a_bad_allow_list_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="allow_private"):
        AllowList([entry])


def test_a_name_that_cannot_be_looked_up_is_said_so() -> None:
    def broken(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with client(resolve=broken) as http, pytest.raises(FetchError, match="could not be looked up"):
        http.get("http://no.such.example/feed")


def test_a_look_up_that_hangs_is_cut_at_the_deadline() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        release.wait(5)
        return []

    started = time.monotonic()
    with client(resolve=hanging, deadline=0.4) as http, pytest.raises(FetchError, match=r"within 0\.4 s"):
        http.get("http://slow.example/feed")
    assert time.monotonic() - started < 1.4
    release.set()


def test_a_refused_connection_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with client(["127.0.0.1/32"]) as http, pytest.raises(FetchError, match="connection refused"):
        http.get(f"http://127.0.0.1:{port}/")


def test_the_second_address_is_tried_when_the_first_is_dead(server: HostileServer) -> None:
    with client(["127.0.0.0/8"], lambda host, port: ["127.0.0.9", "127.0.0.1"]) as http:
        assert http.get(f"http://two.example:{server.port}/ok").status == 200


def test_a_tls_handshake_that_hangs_is_cut_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, client(["127.0.0.1/32"], deadline=0.5) as http:
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"within 0\.5 s"):
            http.get(f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert time.monotonic() - started < 1.5


def test_a_server_without_tls_is_said_so(server: HostileServer) -> None:
    with client(["127.0.0.1/32"]) as http, pytest.raises(FetchError, match="does not speak TLS"):
        http.get(f"https://127.0.0.1:{server.port}/garbage")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a fresh key and a self-signed certificate for 127.0.0.1 and secure.example."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    names = "subjectAltName=IP:127.0.0.1,DNS:secure.example"
    ask = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext"
    subprocess.run(
        [openssl, *ask.split(), names, "-keyout", pem, "-out", f"{pem}.crt"], check=True, capture_output=True
    )
    pem.write_bytes(pem.read_bytes() + Path(f"{pem}.crt").read_bytes())
    return pem


@pytest.fixture
def secure(certificate: Path) -> Iterator[HostileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HostileServer(tls=context) as running:
        yield running


def test_a_certificate_nobody_vouches_for_is_refused(secure: HostileServer) -> None:
    with client(["127.0.0.1/32"]) as http, pytest.raises(FetchError, match="not trusted"):
        http.get(secure.url("/ok"))
    assert not secure.requests


def test_tls_is_verified_for_the_name_and_kept_alive_to_the_checked_address(
    secure: HostileServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.tls_context", lambda: ssl.create_default_context(cafile=certificate))
    with client(["127.0.0.1/32"], lambda host, port: ["127.0.0.1"]) as http:
        for _ in range(2):
            assert http.get(f"https://secure.example:{secure.port}/ok").body == b"fine"
        assert len({request.connection for request in secure.requests}) == 1
        with pytest.raises(FetchError, match="not trusted"):
            http.get(f"https://wrong.example:{secure.port}/ok")


def test_a_slow_answer_over_tls_is_cut_at_the_deadline(
    secure: HostileServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.tls_context", lambda: ssl.create_default_context(cafile=certificate))
    started = time.monotonic()
    with client(["127.0.0.1/32"], deadline=0.6) as http, pytest.raises(FetchError, match=r"within 0\.6 s"):
        http.get(secure.url("/drip"))
    assert time.monotonic() - started < 1.6
