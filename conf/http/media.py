"""Signed links to stored files, and the route that serves them.

A link contains a grant: its expiry time and a signature of both that time and the file's folder. The grant is valid for
all files of that folder, so the relative URLs in an HLS playlist work. With local storage the route sends the file and
supports byte ranges. With S3 it redirects to a presigned URL, except for playlists: their relative URLs must resolve to
this route.
"""

import functools
import mimetypes
import posixpath
import re
import time
from typing import Annotated

from fastapi import Path, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import AfterValidator

from conf.errors import Forbidden, NotFound
from conf.http.access import PUBLIC
from conf.http.problems import error_responses
from conf.http.route import Router
from conf.http.schemas import SECRET
from conf.http.threads import threads
from conf.keys import sign, verify
from conf.settings import get_settings
from conf.storage.base import assert_key
from conf.storage.store import storage

STEP_S = 6 * 3600
"""Length of a step in seconds. A link is valid for one to two steps. It does not change within a step, so that caches
and ETags stay valid."""
PLAYLIST_MAX_BYTES = 16 * 1024 * 1024

router = Router("/media", tags=["media"])
mimetypes.add_type("application/vnd.apple.mpegurl", ".m3u8")
mimetypes.add_type("video/x-matroska", ".mkv")


def link(key: str | None) -> str | None:
    """Return a URL of the stored file `key`, valid for 6 to 12 hours."""
    return None if key is None else _link(key, (int(time.time()) // STEP_S + 2) * STEP_S)


@functools.lru_cache(maxsize=4096)
def _link(key: str, expires: int) -> str:
    return f"{get_settings().public_url}/media/{_grant(posixpath.dirname(key), expires)}/{key}"


Link = Annotated[str | None, AfterValidator(link)]
"""Type of a response field: a storage key is replaced by its link."""


def _grant(folder: str, expires: int) -> str:
    return f"{expires:x}-{sign('media', f'{expires}:{folder}')}"


def _verify(grant: str, key: str) -> int:
    """Return the seconds until the grant expires. Raises: Forbidden, if it is invalid or has expired."""
    until, _, signature = grant.partition("-")
    expires = int(until, 16) if re.fullmatch("[0-9a-f]{1,12}", until) else 0
    left = expires - int(time.time())
    if not verify("media", f"{expires}:{posixpath.dirname(key)}", signature):
        raise Forbidden("This link is not valid. Ask the API for a new one.")
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
async def get_media(
    grant: Annotated[
        str,
        Path(
            description="Expiry time and signature. Use the links in the responses of the API.",
            examples=["6a2f3c80-kq3Zt0Jw9xYb1LmN4pRs7uVc"],
            json_schema_extra=SECRET,
        ),
    ],
    key: Annotated[
        str, Path(description="Key of the file in the storage.", examples=["videos/7/3f2a9c51/hls/master.m3u8"])
    ],
    request: Request,
) -> Response:
    """Return a stored file.

    Other responses contain links to this route, valid for 6 to 12 hours. Byte ranges are supported. If the files are in
    S3, the response is a 307 redirect. Returns 403 if the link is not valid or has expired. Public.
    """
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
    """Return the stored file, or a redirect to a presigned URL that is valid for `expires_s` seconds.

    `redirect`: the redirect's `Cache-Control`.
    """
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    path = storage().path(key)
    if path is not None:
        return FileResponse(path, media_type=kind, headers=headers)
    address = storage().link(key, expires_s=expires_s, head=head)
    assert address is not None
    return RedirectResponse(address, 307, headers | ({"Cache-Control": redirect} if redirect else {}))
