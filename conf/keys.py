"""Signing keys: a separate set for each purpose, derived from SECRET_KEY and SECRET_KEYS_OLD.

To rotate SECRET_KEY, put the present one first in SECRET_KEYS_OLD. Its signatures stay valid until it is removed there.
"""

import base64
import functools
import hmac
from dataclasses import dataclass, field

from conf.settings import get_settings


@dataclass(frozen=True)
class Key:
    """A secret of 32 bytes, and an id that reveals nothing about it."""

    id: str
    secret: bytes = field(repr=False)


@functools.cache
def keys(purpose: str) -> tuple[Key, ...]:
    """Return the keys for `purpose`: first the one that signs, then the older ones whose signatures are accepted."""
    settings = get_settings()
    roots = [secret.get_secret_value().encode() for secret in (settings.secret_key, *settings.secret_keys_old)]
    return tuple(
        Key(hmac.digest(root, b"id", "sha256").hex()[:8], hmac.digest(root, b"for " + purpose.encode(), "sha256"))
        for root in roots
    )


SIGNATURE_BYTES = 18
"""144 bits: 24 characters in base64url."""


def sign(purpose: str, message: str) -> str:
    """Return the signature of `message` for `purpose`: 24 URL-safe characters. `verify` checks it."""
    return _signature(keys(purpose)[0], message)


def verify(purpose: str, message: str, signature: str) -> bool:
    """Whether `signature` is that of this message for this purpose, by SECRET_KEY or a key in SECRET_KEYS_OLD."""
    given = signature.encode()
    return any(hmac.compare_digest(_signature(key, message).encode(), given) for key in keys(purpose))


def pseudonym(purpose: str, value: str) -> int:
    """Return a positive number of 62 bits that stands for `value`, and from which nobody can compute it without the
    key. It changes with SECRET_KEY."""
    return int.from_bytes(hmac.digest(keys(purpose)[0].secret, value.encode(), "sha256")[:8]) >> 2


def _signature(key: Key, message: str) -> str:
    digest = hmac.digest(key.secret, message.encode(), "sha256")[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(digest).decode()
