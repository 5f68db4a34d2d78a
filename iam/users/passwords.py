"""Password hashing with argon2id (RFC 9106) and OWASP's minimum parameters, and the rules for new passwords.

Computing a hash takes 19 MiB of memory and about 30 ms, so routes that compute one are `heavy` (`conf.http.threads`).
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
    """Check a new password. `person`: the user's e-mail and nickname. `field`: the name of the request's field.

    Raises: Invalid, if it is too short, too long, too common, or equal to the e-mail, the part of it before the @, or
    the nickname. There are no rules about classes of characters (NIST SP 800-63B-4, 3.1.1).
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters.", field=field)
    plain = password.lower()
    if plain in _common() or len(set(plain)) < 3:
        raise Invalid("This password is too easy to guess. Choose another one.", field=field)
    for word in person:
        if word and plain in {word.lower(), word.lower().partition("@")[0]}:
            raise Invalid("The password must not be your e-mail address or your nickname.", field=field)


@functools.cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415  # 30,000 words

    return frozenset(FREQUENCY_LISTS["passwords"])


def hash_of(password: str) -> str:
    return _hasher.hash(password)


def verify(password: str, hashed: str | None) -> tuple[bool, str | None]:
    """Return whether the password matches the hash, and a new hash if the old one has outdated parameters, else None.

    It takes the same time if there is no hash, so that the time of a response does not tell whether an account exists.
    """
    try:
        right, new = _hasher.verify_and_update(password, hashed or _dummy_hash())
    except UnknownHashError:
        return False, None
    return (right, new) if hashed else (False, None)


@functools.cache
def _dummy_hash() -> str:
    return _hasher.hash(secrets.token_hex())
