"""Links to stored files, and the door behind them.

A link carries a grant: an expiry and a signature over the file's folder. So the files beside it open with the same
grant, which lets the relative addresses in a playlist work unsigned. With local storage the API serves the file,
with byte ranges; with S3 it redirects to a presigned address, but for playlists, whose relative addresses must keep
leading here.
"""

import functools
import mimetypes
import posixpath
import re
import time
from typing import Annotated

from fastapi import Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import AfterValidator

from conf.errors import Forbidden, NotFound
from conf.http.access import PUBLIC
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.threads import threads
from conf.keys import sign, verify
from conf.settings import get_settings
from conf.storage.base import assert_key
from conf.storage.store import storage

STEP_S = 6 * 3600
"""A link lives for one to two steps, and stays the same within a step, so caches and ETags hold."""
PLAYLIST_MAX_BYTES = 16 * 1024 * 1024

router = Router("/media", tags=["media"])
mimetypes.add_type("application/vnd.apple.mpegurl", ".m3u8")
mimetypes.add_type("video/x-matroska", ".mkv")


def link(key: str | None) -> str | None:
    """Where a client reads the stored file `key`, for the next 6 to 12 hours."""
    return None if key is None else _link(key, (int(time.time()) // STEP_S + 2) * STEP_S)


@functools.lru_cache(maxsize=4096)
def _link(key: str, expires: int) -> str:
    return f"{get_settings().public_url}/media/{_grant(posixpath.dirname(key), expires)}/{key}"


Link = Annotated[str | None, AfterValidator(link)]
"""In an answer's schema: a storage key becomes its link."""


def _grant(folder: str, expires: int) -> str:
    return f"{expires:x}-{sign('media', f'{expires}:{folder}')}"


def _verify(grant: str, key: str) -> int:
    """Seconds the grant is still good for. Forbidden when it is none, or no longer."""
    until, _, signature = grant.partition("-")
    expires = int(until, 16) if re.fullmatch("[0-9a-f]{1,12}", until) else 0
    left = expires - int(time.time())
    if not verify("media", f"{expires}:{posixpath.dirname(key)}", signature):
        raise Forbidden("This link was not made here.")
    if left <= 0:
        raise Forbidden("This link has expired. Ask the API for a new one.")
    return left


@router.get(
    "/{grant}/{key:path}",
    response_model=None,
    response_class=FileResponse,
    responses=error_responses(403),
    dependencies=[PUBLIC],
)
async def get_media(grant: str, key: str, request: Request) -> Response:
    """A stored file. Public: whoever has a link that the API gave out, until it expires."""
    try:
        assert_key(key)
    except ValueError:
        raise NotFound("file", key) from None
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": f"private, max-age={_verify(grant, key)}, immutable",
    }
    return await threads().run(_open, key, headers, head=request.method == "HEAD")


def _open(key: str, headers: dict[str, str], *, head: bool) -> Response:
    if key.endswith(".m3u8") and storage().path(key) is None:
        return Response(storage().read(key, limit=PLAYLIST_MAX_BYTES), 200, headers, mimetypes.guess_type(key)[0])
    return open_stored(key, headers, head=head, expires_s=3600, redirect="private, max-age=3000")


def open_stored(key: str, headers: dict[str, str], *, head: bool, expires_s: int, redirect: str = "") -> Response:
    """The stored file, or a redirect to where the storage has it for `expires_s` seconds, which may be kept as
    `redirect` says (Cache-Control)."""
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    path = storage().path(key)
    if path is not None:
        return FileResponse(path, media_type=kind, headers=headers)
    address = storage().link(key, expires_s=expires_s, head=head)
    assert address is not None
    return RedirectResponse(address, 307, headers | ({"Cache-Control": redirect} if redirect else {}))
