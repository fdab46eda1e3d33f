"""The command line: one file a command group. Results go to stdout, progress and complaints to stderr.

Exit codes: 0 all well, 1 nothing worked, 2 usage or configuration, 3 partly worked.
"""

from listener.cli.main import main

__all__ = ["main"]
