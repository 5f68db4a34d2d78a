"""JSON Web Tokens (RFC 7519), signed with HS256 only. No other module imports python-jose.

Each kind of token has its own audience and its own `typ` claim, so that a token of one kind is never accepted as
another (RFC 8725, 3.11 and 3.12).
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
"""Seconds by which the clocks of two servers may differ."""
MAX_LENGTH = 4096
PURPOSE = "tokens"
_REQUIRED = {f"require_{claim}": True for claim in ("iss", "aud", "sub", "exp", "iat", "jti")}


class Kind(enum.StrEnum):
    """The `typ` claim of a token. Its audience is `campus/<typ>`."""

    ACCESS = "access"
    REFRESH = "refresh"
    CLIENT = "client"
    """Access token of an OAuth client. Only the userinfo endpoint accepts it."""
    DEVICE = "device"
    """Shows that the sender has signed in to the account before. It grants nothing but a rate limit of its own."""
    RESET = "reset"
    """Sent by mail, to set a new password."""
    VERIFY = "verify"
    """Sent by mail, to verify the e-mail address."""


def encode(kind: Kind, *, subject: int, lifetime_s: float, **claims: Any) -> str:
    """Return a signed token for the user `subject`, with the extra `claims`."""
    now = int(time.time())
    key = keys(PURPOSE)[0]
    registered = {
        "iss": get_settings().public_url,
        "aud": f"campus/{kind}",
        "typ": kind.value,
        "sub": str(subject),
        "iat": now,
        "exp": now + int(lifetime_s),
        "jti": secrets.token_urlsafe(12),
    }
    return jwt.encode(registered | claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.id})


def decode(kind: Kind, token: str) -> dict[str, Any]:
    """Return the claims. Raises: Unauthenticated, if the token is of another kind, expired, or not signed by Campus."""
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
    """Return the claims that must be ids: the user and, in tokens of a session, the session."""
    return [claims["sub"], claims["sid"]] if kind in (Kind.ACCESS, Kind.REFRESH, Kind.CLIENT) else [claims["sub"]]


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= MAX_ID


def _refusal() -> Unauthenticated:
    return Unauthenticated("The token is invalid or has expired.")
