"""Signing keys, one set a purpose, all made from SECRET_KEY and those before it.

To change SECRET_KEY, put the present one first in SECRET_KEYS_OLD: what it signed is accepted until it is taken out.
"""

import base64
import functools
import hmac
from dataclasses import dataclass, field

from conf.settings import get_settings


@dataclass(frozen=True)
class Key:
    """32 bytes, and a name for them that tells nothing of them."""

    id: str
    secret: bytes = field(repr=False)


@functools.cache
def keys(purpose: str) -> tuple[Key, ...]:
    """The key that signs for `purpose`, then those whose signatures are still accepted."""
    settings = get_settings()
    roots = [secret.get_secret_value().encode() for secret in (settings.secret_key, *settings.secret_keys_old)]
    return tuple(
        Key(hmac.digest(root, b"id", "sha256").hex()[:8], hmac.digest(root, b"for " + purpose.encode(), "sha256"))
        for root in roots
    )


SIGNATURE_BYTES = 18
"""144 bits, which are 24 letters."""


def sign(purpose: str, message: str) -> str:
    """The signature of `message` for `purpose`: 24 letters that are safe in a URL. `verify` takes it back."""
    return _signature(keys(purpose)[0], message)


def verify(purpose: str, message: str, signature: str) -> bool:
    """Whether `sign` made the signature of just this message for just this purpose, with this SECRET_KEY or one in
    SECRET_KEYS_OLD."""
    given = signature.encode()
    return any(hmac.compare_digest(_signature(key, message).encode(), given) for key in keys(purpose))


def _signature(key: Key, message: str) -> str:
    digest = hmac.digest(key.secret, message.encode(), "sha256")[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(digest).decode()
