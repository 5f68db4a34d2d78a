"""Signed tokens (RFC 7519), HS256 alone. The only importer of python-jose.

Each kind has an audience and a `typ` of its own, so that none is taken for another (RFC 8725, 3.11 and 3.12).
"""

import enum
import secrets
import time
from typing import Any

from jose import jwt
from jose.exceptions import JOSEError

from conf.errors import Unauthenticated
from conf.keys import keys
from conf.settings import get_settings
from conf.values import MAX_ID

ALGORITHM = "HS256"
LEEWAY_S = 10
"""Clocks differ."""
MAX_LENGTH = 4096
PURPOSE = "tokens"
_REQUIRED = {f"require_{claim}": True for claim in ("iss", "aud", "sub", "exp", "iat", "jti")}


class Kind(enum.StrEnum):
    """The `typ` claim; the audience is `campus/` and it."""

    ACCESS = "access"
    REFRESH = "refresh"
    CLIENT = "client"
    """What a client may learn with, at userinfo alone."""
    RESET = "reset"
    """Sent by mail: sets a new password."""
    VERIFY = "verify"
    """Sent by mail: proves the address."""


def encode(kind: Kind, *, subject: int, lifetime_s: float, **claims: Any) -> str:
    now = int(time.time())
    key = keys(PURPOSE)[0]
    own = {
        "iss": get_settings().public_url,
        "aud": f"campus/{kind}",
        "typ": kind.value,
        "sub": str(subject),
        "iat": now,
        "exp": now + int(lifetime_s),
        "jti": secrets.token_urlsafe(12),
    }
    return jwt.encode(own | claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.id})


def decode(kind: Kind, token: str) -> dict[str, Any]:
    """The claims. Unauthenticated when it is not a token of this kind, made here, that is still good."""
    if len(token) > MAX_LENGTH:
        raise _refusal()
    try:
        header = jwt.get_unverified_header(token)
        key = next(key for key in keys(PURPOSE) if header == {"alg": ALGORITHM, "typ": "JWT", "kid": key.id})
        claims = jwt.decode(
            token,
            key.secret,
            algorithms=[ALGORITHM],
            audience=f"campus/{kind}",
            issuer=get_settings().public_url,
            options={**_REQUIRED, "leeway": LEEWAY_S},
        )
        claims["sub"] = int(claims["sub"])
        if not all([claims["typ"] == kind, claims["aud"] == f"campus/{kind}", *map(_is_id, _ids(kind, claims))]):
            raise _refusal()
    except (JOSEError, StopIteration, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise _refusal() from None
    return claims


def _ids(kind: Kind, claims: dict[str, Any]) -> list[object]:
    """User and session; what is mailed has no session."""
    return [claims["sub"]] if kind in (Kind.RESET, Kind.VERIFY) else [claims["sub"], claims["sid"]]


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_ID


def _refusal() -> Unauthenticated:
    return Unauthenticated("The token is not valid, or no longer.")
