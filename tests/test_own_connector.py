"""The README's own connector is what it says: it runs, and it keeps a connector's obligations."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.command import ACME, Command
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.loopback import Asked, Loopback, Told, told

README = Path(__file__).parents[1] / "README.md"
_PAGE = 100


def source() -> str:
    (code,) = re.findall(r"```python\n(# guestbook\.py\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


class GuestbookServer(Loopback):
    """Entries in the order in which they were written into the book, a hundred at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[int, dict[str, object]] = {}

    def write(self, *samples: Sample) -> None:
        for sample in samples:
            number = next((n for n, one in self.entries.items() if one["words"] == sample.text), len(self.entries) + 1)
            self.entries[number] = {
                "id": number,
                "words": sample.text,
                "guest": "ann",
                "written": sample.at and sample.at.isoformat(),
                "stars": 4,
            }

    def answer(self, asked: Asked) -> Told:
        found = [entry for number, entry in self.entries.items() if number > int(asked.params["after"])]
        return told({"entries": found[:_PAGE]})


@pytest.fixture
def guestbook() -> ModuleType:
    module = ModuleType("guestbook")
    exec(compile(source(), "guestbook.py", "exec", dont_inherit=True), module.__dict__)
    return module


class TestGuestbook(ConnectorContract):
    @pytest.fixture
    def world(self, guestbook: ModuleType) -> Iterator[World]:
        with GuestbookServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.write(*samples)

            yield World(
                guestbook.Guestbook(guestbook.GuestbookOptions(url=f"{server.base}/book")),
                http,
                server,
                publish,
                wrong_shapes=(b"[]", b"{}", b'{"entries": {}}', b'{"entries": [{"words": "no id"}]}'),
                many=250,
                undated=True,
                optional=frozenset({"guest", "written", "stars"}),
            )


def test_it_is_named_in_a_configuration_and_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "guestbook.py").write_text(source(), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "guestbook", raising=False)
    with GuestbookServer() as server:
        server.write(Sample(1, NOW), Sample(2, NOW))
        private = '[http]\nallow_private = ["127.0.0.1/32"]\n'
        table = f'[[sources]]\ntype = "guestbook:Guestbook"\nurl = "{server.base}/book"\n'
        command = Command(tmp_path, private + ACME + table)
        assert "2 new posts" in command("pull").out
        assert command.rows("SELECT DISTINCT label FROM mentions") == [("passive",)]
