"""Which addresses are public, and which private ones somebody allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# The ipaddress module is no help here: is_private and is_global miss several of these ranges and differ between
# Python releases. Source: the IANA special-purpose address registries (RFC 6890 and its updates).
_NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: cloud metadata lives here
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Only 2000::/3 is handed out as global unicast, so everything outside is refused without being listed: ::, ::1,
# v4-compatible ::/96, v4-mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, 100::/64, 5f00::/16,
# fc00::/7, fe80::/10, fec0::/10, ff00::/8.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 embeds any v4 address
        "3fff::/20",  # documentation
    )
)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` spells in canonical form, else None ("127.1" and "0x7f000001" are names to us)."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Whether a resolved address may be connected to by anyone. What is not an address is not public."""
    ip = literal(address)
    if ip is None:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_V4)
    return ip in _GLOBAL_UNICAST_V6 and not any(ip in network for network in _NOT_PUBLIC_V6)


@dataclass(frozen=True, slots=True)
class _Rule:
    network: IPv4Network | IPv6Network | None
    host: str
    port: int | None

    def permits(self, host: str, address: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return self.host == host
        ip = literal(address)
        return ip is not None and ip.version == self.network.version and ip in self.network


class AllowList:
    """The private places that may be asked all the same. Empty unless somebody says otherwise.

    Entries: a network ("10.1.0.0/16", "::1/128"), a network with a port ("127.0.0.1/32:8065", "[::1/128]:8065")
    or a host name with a port ("chat.lan:8065"). A rule with a port opens no other port of that host.
    Raises ValueError with a sentence for anything else.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self._rules = tuple(_parse(entry.strip()) for entry in entries)

    def permits(self, host: str, address: str, port: int) -> bool:
        """Whether `address`, which `host` resolved to, may be connected to on `port` although it is not public."""
        name = host.lower().rstrip(".")
        return any(rule.permits(name, address, port) for rule in self._rules)


_BRACKETED = re.compile(r"\[([^\]]+)\](?::([0-9]+))?")
_WITH_PORT = re.compile(r"([^:]+):([0-9]+)")
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252})", re.ASCII)


def _parse(entry: str) -> _Rule:
    match = _BRACKETED.fullmatch(entry) or _WITH_PORT.fullmatch(entry)
    where, port_text = match.groups() if match else (entry, None)
    port = int(port_text) if port_text and len(port_text) <= 5 else None
    if port_text and (port is None or not 0 < port < 65536):
        raise ValueError(f'allow_private: "{entry}" names a port outside 1..65535')
    try:
        return _Rule(ip_network(where), "", port)
    except ValueError:
        name = where.lower().rstrip(".")
        if port is None or not _HOST_NAME.fullmatch(name) or re.fullmatch(r"[0-9./]+", name):
            raise ValueError(
                f'allow_private: "{entry}" is not understood; write a network such as "10.1.0.0/16", '
                'a network with a port such as "127.0.0.1/32:8065", or "host:port"'
            ) from None
    return _Rule(None, name, port)
