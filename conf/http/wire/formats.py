"""Which format a body has and which one an answer gets (RFC 9110, 12.5.1)."""

import enum
import functools
import re

from starlette.types import Scope

from conf.errors import Unsupported
from conf.http.headers import header


class Format(enum.Enum):
    JSON = "application/json"
    PROTOBUF = "application/protobuf"
    X_PROTOBUF = "application/x-protobuf"
    """What it was called before RFC 9996; answered by the name it was asked by."""

    @property
    def is_protobuf(self) -> bool:
        return self is not Format.JSON


_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
BOTH = tuple(Format)
JSON_ALONE = (Format.JSON,)


@functools.lru_cache(maxsize=256)
def chosen(accept: bytes, offered: tuple[Format, ...] = BOTH) -> Format | None:
    """The offered format that the `Accept` header likes best, JSON where it does not care; None: it takes none."""
    if not accept:
        return offered[0]
    ranges = [range_of(part) for part in accept.decode("latin-1").lower().split(",") if part.strip()]
    best, best_quality = None, 0.0
    for form in offered:
        kind, whole = form.value.partition("/")[0], form.value
        quality = 0.0
        for wanted in ("*/*", f"{kind}/*", whole):  # the most specific one counts
            for name, given in ranges:
                if name == wanted:
                    quality = given
        if quality > best_quality:
            best, best_quality = form, quality
    return best if ranges else offered[0]


@functools.lru_cache(maxsize=256)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether the `Accept-Encoding` header lets an answer be compressed."""
    ranges = dict(range_of(part) for part in accept_encoding.decode("latin-1").lower().split(",") if part.strip())
    return ranges.get("gzip", 0.0) > 0


def range_of(part: str) -> tuple[str, float]:
    """One of the alternatives of an `Accept…` header, in lower case, and its quality from 0 to 1."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return ("*/*" if name == "*" else name), quality


def format_of_body(scope: Scope) -> Format:
    """By its `Content-Type`; JSON where it has none. Unsupported."""
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower().decode("latin-1")
    encoding = header(scope, b"content-encoding").strip().lower()
    if encoding not in (b"", b"identity"):
        raise Unsupported("The body must not be compressed.")
    if not kind or kind.endswith("+json"):
        return Format.JSON
    try:
        return Format(kind)
    except ValueError:
        raise Unsupported(f"The body must be {Format.JSON.value} or {Format.PROTOBUF.value}.") from None
