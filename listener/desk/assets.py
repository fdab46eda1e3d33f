"""Style, scripts: read once, named by what is in them, so that browsers may keep them for ever."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.desk.context import Entry

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_FOR_EVER = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    content: bytes
    media_type: str
    mark: str


@cache
def assets() -> dict[str, Asset]:
    """By file name."""
    folder = files("listener.desk") / "static"
    return {
        one.name: Asset(content := one.read_bytes(), _TYPES[kind], sha256(content).hexdigest()[:16])
        for one in folder.iterdir()
        if (kind := one.name.rpartition(".")[2]) in _TYPES
    }


def asset_path(name: str) -> str:
    """Where a page finds it."""
    known = assets().get(name)
    return f"/static/{name}?v={known.mark}" if known else f"/static/{name}"


def static(request: Request) -> Response:
    asset = assets().get(request.path_params["file"])
    if asset is None:
        raise HTTPException(404)
    tag = f'"{asset.mark}"'
    asked_by_mark = request.query_params.get("v") == asset.mark
    headers = {"Cache-Control": _FOR_EVER if asked_by_mark else "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def icon(request: Request) -> Response:
    """Browsers ask for it, whatever a page says."""
    return Response(status_code=204, headers={"Cache-Control": "public, max-age=86400"})


ENTRIES = (Entry("/static/{file}", static, role=None), Entry("/favicon.ico", icon, role=None))
