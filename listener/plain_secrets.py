"""Which secrets stand in the configuration itself, and not in the environment or a file of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from listener import registry

_ELSEWHERE = ("env:", "file:")


def plain_secrets(raw: Mapping[str, Any]) -> list[str]:
    """Their keys, in the order of the file; `raw` is its table before anything in it was replaced."""
    found = [*_of_plugins(raw, "sources", registry.connector), *_of_plugins(raw, "channels", registry.channel)]
    for table, key in (("schedule", "heartbeat"), ("desk", "proxy_secret")):
        if _is_plain(_table(raw, table).get(key)):
            found.append(f"{table}.{key}")
    if _has_credentials(_table(raw, "storage").get("url")):
        found.append("storage.url")
    return found


def _of_plugins(raw: Mapping[str, Any], array: str, find: Callable[[str], Any]) -> Iterator[str]:
    tables = raw.get(array)
    for number, given in enumerate(tables if isinstance(tables, list) else [], 1):
        if not isinstance(given, dict):
            continue
        name = given.get("name") or f"{given.get('type')}-{number}"
        secret = _secret_options(given, find)
        for key, value in given.items():
            if (key in secret and _is_plain(value)) or _has_credentials(value):
                yield f'{array} "{name}".{key}'


def _secret_options(given: Mapping[str, Any], find: Callable[[str], Any]) -> set[str]:
    try:
        fields = find(str(given.get("type"))).options.model_fields
    except (registry.UnknownPlugin, AttributeError):
        return set()
    return {name for name, field in fields.items() if "SecretStr" in repr(field.annotation)}


def _is_plain(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, str) and one and not one.startswith(_ELSEWHERE) for one in values)


def _has_credentials(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(urlsplit(value).password)
    except ValueError:
        return False


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = raw.get(name)
    return table if isinstance(table, dict) else {}
