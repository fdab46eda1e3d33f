"""`listener score`: JSON lines in, JSON lines out."""

from __future__ import annotations

import os
import sys
from typing import IO

import click

from listener.cli.main import opened


@click.command("score")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"), default="-")
@click.pass_context
def score_command(ctx: click.Context, file: IO[str]) -> int:
    """Score texts: JSON lines of {text, lang?, brand?, rating?, rating_scale?} from FILE or stdin.

    A bad line becomes an object with an "error" in its place. Without a configuration the defaults hold.
    """
    from listener.app import config_path
    from listener.sentiment.jsonl import score_lines
    from listener.sentiment.scorer import DefaultScorer

    given = ctx.find_root().obj
    if given or config_path(None, os.environ).exists():
        with opened(ctx) as app:
            scorer = app.scorer
    else:
        scorer = DefaultScorer()
    for line in score_lines(file, scorer):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 0
