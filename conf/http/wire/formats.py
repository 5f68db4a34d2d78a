"""Content negotiation: the formats of request and response bodies (RFC 9110, 12.5.1)."""

import enum
import functools
import re

from starlette.types import Scope

from conf.errors import Unsupported
from conf.http.headers import header


class Format(enum.Enum):
    """Media types of bodies."""

    JSON = "application/json"
    PROTOBUF = "application/protobuf"
    X_PROTOBUF = "application/x-protobuf"
    """The name of protobuf before RFC 9996. A client that accepts this name gets it as the Content-Type."""

    @property
    def is_protobuf(self) -> bool:
        return self is not Format.JSON


_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
BOTH = tuple(Format)
JSON_ONLY = (Format.JSON,)


@functools.lru_cache(maxsize=256)
def chosen(accept: bytes, offered: tuple[Format, ...] = BOTH) -> Format | None:
    """Return the offered format that the `Accept` header prefers; the first one if it has no preference; None if it
    accepts none of them."""
    if not accept:
        return offered[0]
    ranges = [parse_range(part) for part in accept.decode("latin-1").lower().split(",") if part.strip()]
    best, best_quality = None, 0.0
    for form in offered:
        kind, whole = form.value.partition("/")[0], form.value
        quality = 0.0
        for media_range in ("*/*", f"{kind}/*", whole):  # the most specific range applies
            for name, given in ranges:
                if name == media_range:
                    quality = given
        if quality > best_quality:
            best, best_quality = form, quality
    return best if ranges else offered[0]


@functools.lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Return whether the `Accept-Encoding` header allows gzip."""
    ranges = dict(parse_range(part) for part in accept_encoding.decode("latin-1").lower().split(",") if part.strip())
    return ranges.get("gzip", 0.0) > 0


def parse_range(part: str) -> tuple[str, float]:
    """Parse one element of an `Accept…` header in lower case. Return its value and its quality from 0 to 1."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return ("*/*" if name == "*" else name), quality


def format_of_body(scope: Scope) -> Format:
    """Return the format of the request body from `Content-Type`; JSON if the header is missing. Raises: Unsupported."""
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower().decode("latin-1")
    encoding = header(scope, b"content-encoding").strip().lower()
    if encoding not in (b"", b"identity"):
        raise Unsupported("The request body must not be compressed.")
    if not kind or kind.endswith("+json"):
        return Format.JSON
    try:
        return Format(kind)
    except ValueError:
        raise Unsupported(f"The request body must be {Format.JSON.value} or {Format.PROTOBUF.value}.") from None
