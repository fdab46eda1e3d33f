"""The example configuration and the README name everything there is, and nothing else."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from listener import config, registry
from listener.desk.app import ENTRIES
from listener.settings import Settings
from storage.records_desk import CLOSED, OPEN, ROLES
from tests.command import listener

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config.example.toml"
README = ROOT / "README.md"
CONSTRAINTS = ROOT / "constraints.txt"

MAIN = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt . && .venv/bin/listener demo"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[dev]' && .venv/bin/pytest"

_COMMENTED = re.compile(r"^# ?(\[\[?[a-z_.]+\]\]?|[a-z_]+ = .*)$", re.MULTILINE)
_OPTION = re.compile(r"^(?:# ?)?([a-z_]+) = ")
_TABLE = re.compile(r"^(?:# ?)?\[\[?([a-z_.]+)\]\]?")
_ENVIRONMENT = dict.fromkeys(re.findall(r"env:(\w+)", EXAMPLE.read_text(encoding="utf-8")), "https://secret.example/x")


def _sections(section: str = "", whole: type[BaseModel] = Settings) -> Iterator[tuple[str, type[BaseModel]]]:
    """(table of the TOML, its model) for each part of the settings, tables in tables too; "" is the top."""
    yield section, whole
    for name, field in whole.model_fields.items():
        for model in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(model, type) and issubclass(model, BaseModel):
                yield from _sections(f"{section}.{name}".removeprefix("."), model)


def _plugins() -> Iterator[tuple[str, str, type[BaseModel]]]:
    """(table, type, model of its options) for all that ships with Listener."""
    for name in registry.CONNECTORS:
        yield "sources", name, registry.connector(name).options
    for name in registry.CHANNELS:
        yield "channels", name, registry.channel(name).options


def _scalars(section: str, model: type[BaseModel]) -> list[str]:
    tables = {name for name, _ in _sections()}
    return [name for name in model.model_fields if f"{section}.{name}".removeprefix(".") not in tables]


def _options_of_the_example() -> dict[str, set[str]]:
    """The names of all options by table, those that are commented out included."""
    found: dict[str, set[str]] = {"": set()}
    table = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if header := _TABLE.match(line):
            table = header[1]
            found.setdefault(table, set())
        elif option := _OPTION.match(line):
            found[table].add(option[1])
    return found


def _read(text: str, folder: Path) -> config.Config:
    # 32 bytes of base64: what `file:webhook.secret` stands for in the example.
    (folder / "webhook.secret").write_text("whsec_" + "QUJDREVGR0g" * 4)
    (folder / "telegram.token").write_text("123456:a-token-of-no-bot")
    path = folder / "listener.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return config.load(path, _ENVIRONMENT)


def _missing(readme: str, names: list[str]) -> list[str]:
    return [name for name in names if f"`{name}`" not in readme]


# -- config.example.toml


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    loaded = _read(EXAMPLE.read_text(encoding="utf-8"), tmp_path)
    assert loaded.queries and loaded.sources
    assert loaded.warnings == ()


def test_the_example_runs_with_every_option_put_in(tmp_path: Path) -> None:
    whole = _COMMENTED.sub(r"\1", EXAMPLE.read_text(encoding="utf-8"))
    loaded = _read(whole, tmp_path)
    assert loaded.channels and loaded.settings.alerts and loaded.settings.http.gap is not None


def test_the_example_shows_every_option_of_every_table() -> None:
    shown = _options_of_the_example()
    for section, model in _sections():
        assert not set(_scalars(section, model)) - shown.get(section, set()), f"[{section}] of config.example.toml"


def test_the_example_shows_every_source_and_channel_with_its_options() -> None:
    shown = _options_of_the_example()
    text = EXAMPLE.read_text(encoding="utf-8")
    for table, name, options in _plugins():
        assert f'type = "{name}"' in text
        assert not set(options.model_fields) - shown[table], f"options of {name} in config.example.toml"


def test_the_example_says_the_defaults_where_it_says_a_value() -> None:
    given: dict[str, Any] = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    for section in ("storage", "schedule", "http", "scoring", "report", "audit", "desk", "recheck", "alerting"):
        model = Settings.model_fields[section].annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        assert model.model_validate(given[section]) == model(), f"[{section}] of config.example.toml"


# -- README.md


def with_tables(readme: str) -> str:
    """The README with the rows of its two tables of sources as the connectors tell them."""
    facts, options = [], []
    for name in registry.CONNECTORS:
        connector = registry.connector(name)
        its = connector.facts
        every = "`schedule.interval`" if its.every is None else f"{its.every.total_seconds() / 60:g} min"
        cells = (f"`{name}`", its.hears, its.misses, its.key, every, its.duty)
        assert not any("|" in cell for cell in cells), name
        facts.append("| " + " | ".join(cells) + " |")
        names = ", ".join(f"`{name}.{option}`" for option in connector.options.model_fields)
        options.append(f"| `{name}` | {names} |")
    for head, rows in (("| type | what it hears", facts), ("| type | options |\n| --- | --- |\n| `feed`", options)):
        before, found, after = readme.partition(head)
        table, blank, rest = (found + after).partition("\n\n")
        readme = before + "\n".join([*table.split("\n")[:2], *rows]) + blank + rest
    return readme


def test_the_readme_begins_with_one_command_for_the_job_and_one_for_the_tests() -> None:
    readme = README.read_text(encoding="utf-8")
    assert MAIN in readme
    assert TESTS in readme


def test_the_readme_names_every_option() -> None:
    names = [
        f"{section}.{name}" if section else name for section, model in _sections() for name in _scalars(section, model)
    ]
    names += [f"{kind}.{name}" for _, kind, options in _plugins() for name in options.model_fields]
    assert _missing(README.read_text(encoding="utf-8"), names) == []


def test_the_readme_has_a_row_for_every_channel() -> None:
    rows = set(re.findall(r"^\| `([a-z0-9_]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(registry.CHANNELS) <= rows


def test_the_readmes_tables_of_sources_are_those_of_the_registry() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == with_tables(readme), "python -m tests.test_documentation writes them anew"


def test_the_readme_has_no_option_that_does_not_exist() -> None:
    known = {f"{section}.{name}" for section, model in _sections() for name in _scalars(section, model)}
    known |= {f"{kind}.{name}" for _, kind, options in _plugins() for name in options.model_fields}
    sections = {name.partition(".")[0] for name in known}
    told = re.findall(r"^\| `([a-z]+\.[a-z_.]+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [name for name in told if name.partition(".")[0] in sections and name not in known]


def test_the_readme_names_every_command() -> None:
    listed = re.findall(r"^  ([a-z]+) {2,}\S", listener("--help").out.partition("Commands:")[2], re.MULTILINE)
    assert len(listed) > 8
    readme = README.read_text(encoding="utf-8")
    assert [name for name in listed if f"listener {name}" not in readme] == []


def test_the_readme_has_the_keys_of_the_desk_with_its_states_and_roles() -> None:
    readme = README.read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| ((?:`[^` ]+` ?)+)\|", readme.partition("## The review desk")[2], re.MULTILINE)
    told = set(re.findall(r"`([^` ]+)`", " ".join(first_cells)))
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "listener/desk/templates").glob("*.html"))
    help_page = (ROOT / "listener/desk/templates/help.html").read_text(encoding="utf-8")
    keys = set(re.findall(r'data-key="(.)"', pages))
    for several in re.findall(r"^  \(\(([^)]+)\), ", help_page, re.MULTILINE):
        keys |= set(re.findall(r'"([^"]+)"', several))
    assert len(keys) > 12
    assert {*keys, *OPEN, *CLOSED, *ROLES} - told == set()


def test_the_readme_has_every_request_that_programs_may_make() -> None:
    for_programs = ("/api/", "/metrics", "/healthz")
    served = [
        f"{method} {entry.path}" for entry in ENTRIES for method in entry.methods if entry.path.startswith(for_programs)
    ]
    told = re.findall(
        r"^\| `((?:GET|POST) /(?:api|metrics|healthz)[^` ]*)` \|", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(served) > 10
    assert sorted(told) == sorted(served)


# -- constraints.txt


def test_the_constraints_pin_versions_and_name_no_index() -> None:
    lines = [line.strip() for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+(\s*;.+)?", pin), pin
    assert not [line for line in lines if "://" in line or "index" in line]


@pytest.mark.parametrize("path", [README, EXAMPLE, CONSTRAINTS], ids=lambda path: path.name)
def test_nothing_names_a_folder_of_this_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|root|home)/", path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
