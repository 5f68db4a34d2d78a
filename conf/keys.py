"""Signing keys, one set a purpose, all made from SECRET_KEY and those before it.

To change SECRET_KEY, put the present one first in SECRET_KEYS_OLD: what it signed is accepted until it is taken out.
"""

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
