"""Conditional requests (RFC 9110, 13): 304 for unchanged responses, 412 for updates of an outdated version.

An ETag is `"<version>-<hash>"`: the version of the row, from its `updated_at`, and a hash of the response body. The
body depends on the format, on the caller, and on the expiry time of its links. `If-None-Match` compares the whole ETag.
`If-Match` compares only the version, so a client may read a row as JSON and update it as protobuf.
"""

import datetime as dt
import gzip
import hashlib
import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from starlette.types import Scope

from conf.db.dependencies import SAFE_METHODS
from conf.errors import VersionRequired
from conf.http.headers import header
from conf.http.wire.formats import accepts_gzip
from conf.values import ANY, Expected, version_of

GZIP_BYTES = 2048
"""Smaller responses are not compressed: it would not save a network packet."""
GZIP_LEVEL = 4
REVALIDATE = (b"cache-control", b"private, no-cache")
"""The client may store the response, shared caches may not, and it must be revalidated before each use."""
_TAG = re.compile(r'"([0-9a-f]{1,16})-[0-9a-f]+(?:-gzip)?"')
"""A strong ETag of this module. `If-Match` ignores weak ETags (RFC 9110, 8.8.3.2)."""
_IfMatchHeader = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="ETag of the version that you last read, or `*` for any version."
        " The response is 412 if the object has changed since then.",
        examples=['"63f1a2b4c5d6e-9f86d081884c7d65"'],
    ),
]


def etag(body: bytes, value: Any) -> bytes:
    """Return the ETag of a response value with the encoded `body`."""
    updated_at = getattr(value, "updated_at", None)
    version = f"{version_of(updated_at):x}" if isinstance(updated_at, dt.datetime) else ""
    return f'"{version}-{hashlib.blake2b(body, digest_size=8).hexdigest()}"'.encode()


def finish(response: Response, value: Any, scope: Scope, *, compress: bool = True) -> Response:
    """Add the ETag and compress a large body. Return 304 if `If-None-Match` matches."""
    body = bytes(response.body)
    safe = scope["method"] in SAFE_METHODS
    tag = etag(body, value) if safe or hasattr(value, "updated_at") else None
    if compress and len(body) > GZIP_BYTES and accepts_gzip(header(scope, b"accept-encoding")):
        body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        tag = tag and tag[:-1] + b'-gzip"'
        response = Response(body, response.status_code, {"Content-Encoding": "gzip"}, response.media_type)
    if tag is None:
        return response
    if safe:
        if (given := header(scope, b"if-none-match")) and is_known(given, tag):
            response = Response(status_code=304)
        response.raw_headers.append(REVALIDATE)
    response.raw_headers.append((b"etag", tag))
    return response


def is_known(given: bytes, tag: bytes) -> bool:
    """Return whether the `If-None-Match` header `given` matches `tag`, by weak comparison."""
    return any(one.strip().removeprefix(b"W/") in (b"*", tag) for one in given.split(b","))


def _expected(request: Request) -> Expected:
    """Return the versions that `If-Match` accepts; any version if it is missing or contains `*`."""
    given = request.headers.getlist("if-match")
    tags = [one.strip() for line in given for one in line.split(",")]
    if not given or "*" in tags:
        return ANY
    versions = set()
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            versions.add(int(found[1], 16))
    return Expected(frozenset(versions))


def if_match(request: Request, _header: _IfMatchHeader = None) -> Expected:
    """Return the versions that `If-Match` accepts. `_header` documents the header in the API reference."""
    return _expected(request)


def needs_if_match(request: Request, given: _IfMatchHeader = None) -> Expected:
    """Return the versions that `If-Match` accepts. Raises: VersionRequired, if the header is missing."""
    if given is None:
        raise VersionRequired("Send If-Match with the ETag of the version that you last read, or * for any version.")
    return _expected(request)


IfMatch = Annotated[Expected, Depends(if_match)]
"""The versions of a row that the client wants to change. The helper checks them once it has locked the row."""
NeedsIfMatch = Annotated[Expected, Depends(needs_if_match)]
"""The same, but the header is required: without it the response is 428."""
