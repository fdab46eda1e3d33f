"""An archive that was made on SQLite, moved to PostgreSQL by `listener migrate`, for the benches that measure either."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres


@contextmanager
def moved(folder: Path) -> Iterator[Path]:
    """A folder with the configuration of `folder/listener.toml`, on a server that runs meanwhile; moved there once."""
    new = folder / "on-postgres"
    config = new / "listener.toml"
    new.mkdir(exist_ok=True)
    server = postgres.own_server(new / "data", {"shared_buffers": "1GB"})  # as README says: a quarter of some memory
    url = server.get_uri()
    try:
        if not config.exists():
            command = [sys.executable, "-m", "listener", "-c", str(folder / "listener.toml"), "migrate", "--to", url]
            subprocess.run(command, check=True)
            written = (folder / "listener.toml").read_text(encoding="utf-8")
            config.touch(0o600)
            config.write_text(
                re.sub(r"(?m)^\[storage\]\n(.+\n)*", "", written) + f'\n[storage]\nurl = "{url}"\n', "utf-8"
            )
        yield new
    finally:
        server.cleanup()
