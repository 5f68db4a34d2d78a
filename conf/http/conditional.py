"""Answers that the client has already, and changes to what it has not seen (RFC 9110, 13).

An ETag is `"<version>-<hash>"`: the version of the row, from its `updated_at`, and a hash of the answer's bytes, which
differ by format, by who asks, and when links in them expire. `If-None-Match` compares all of it, `If-Match` the version
alone: whoever read the row as JSON may change it as protobuf.
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
from conf.http.wire.formats import takes_gzip
from conf.values import ANY, Expected, version_of

GZIP_BYTES = 2048
"""Below it a compressed answer saves no packet."""
GZIP_LEVEL = 4
REVALIDATE = (b"cache-control", b"private, no-cache")
"""Keep it, who asked and nobody else, but ask each time whether it still holds."""
_TAG = re.compile(r'"([0-9a-f]{1,16})-[0-9a-f]+(?:-gzip)?"')
"""One of ours, and strong: a weak one matches nothing here (RFC 9110, 8.8.3.2)."""
_MEANING = "The ETag of what you have seen (`*`: whatever is there). 412: it has changed since."
_Given = Annotated[str | None, Header(alias="If-Match", description=_MEANING)]


def etag(body: bytes, value: Any) -> bytes:
    """Of a value with its encoded body."""
    updated_at = getattr(value, "updated_at", None)
    version = f"{version_of(updated_at):x}" if isinstance(updated_at, dt.datetime) else ""
    return f'"{version}-{hashlib.blake2b(body, digest_size=8).hexdigest()}"'.encode()


def finish(response: Response, value: Any, scope: Scope, *, compress: bool = True) -> Response:
    """The answer with its ETag: compressed when it is long, without a body when the client has it already."""
    body = bytes(response.body)
    safe = scope["method"] in SAFE_METHODS
    tag = etag(body, value) if safe or hasattr(value, "updated_at") else None
    if compress and len(body) > GZIP_BYTES and takes_gzip(header(scope, b"accept-encoding")):
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
    """Whether the client has it: what `If-None-Match` says, compared weakly."""
    return any(one.strip().removeprefix(b"W/") in (b"*", tag) for one in given.split(b","))


def _expected(request: Request) -> Expected:
    given = request.headers.getlist("if-match")
    tags = [one.strip() for line in given for one in line.split(",")]
    if not given or "*" in tags:
        return ANY
    versions = set()
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            versions.add(int(found[1], 16))
    return Expected(frozenset(versions))


def if_match(request: Request, _told: _Given = None) -> Expected:
    return _expected(request)


def needs_if_match(request: Request, told: _Given = None) -> Expected:
    """As `if_match`. VersionRequired without the header."""
    if told is None:
        raise VersionRequired("Send If-Match with the ETag of what you have seen, or * to overwrite whatever is there.")
    return _expected(request)


IfMatch = Annotated[Expected, Depends(if_match)]
"""What the client has seen of what it changes; the helper checks it once the row is locked."""
NeedsIfMatch = Annotated[Expected, Depends(needs_if_match)]
"""The same, and 428 for a client that does not say."""
