"""Passwords: argon2id (RFC 9106) with OWASP's smallest parameters, and what is no password.

A hash takes 19 MiB and some 30 ms: routes that make one are `heavy` (`conf.http.threads`).
"""

import functools
import secrets

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from conf.errors import Invalid

MIN_LENGTH, MAX_LENGTH = 8, 256

_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))


def check(password: str, *, person: tuple[str, ...] = (), field: str = "password") -> None:
    """Invalid, with the `field` it came in, when it is short, common, or one of the person's own words.

    NIST SP 800-63B-4, 3.1.1: no classes of characters.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"Take {MIN_LENGTH} to {MAX_LENGTH} characters.", field=field)
    plain = password.lower()
    if plain in _common() or len(set(plain)) < 3:
        raise Invalid("This is one of the passwords everybody tries first.", field=field)
    for word in person:
        if word and plain in {word.lower(), word.lower().partition("@")[0]}:
            raise Invalid("This is your name.", field=field)


@functools.cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415  # 30,000 words

    return frozenset(FREQUENCY_LISTS["passwords"])


def hash_of(password: str) -> str:
    return _hasher.hash(password)


def verify(password: str, hashed: str | None) -> tuple[bool, str | None]:
    """Whether it is the one, and a new hash where the old one's parameters are not today's. Takes as long when there
    is no hash to compare with."""
    try:
        right, new = _hasher.verify_and_update(password, hashed or _nobodys())
    except UnknownHashError:
        return False, None
    return (right, new) if hashed else (False, None)


@functools.cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_hex())
