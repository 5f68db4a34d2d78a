"""ID tokens (OpenID Connect Core, 2), signed with RS256 so that clients verify them with public keys alone.

There is one RSA key for each SECRET_KEY, kept in the database under a password made from that SECRET_KEY; so both are
changed at once.
"""

import functools
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64encode
from sqlalchemy.orm import Session

from conf.db.dependencies import with_db_session
from conf.errors import Unavailable
from conf.keys import Key, keys
from conf.settings import get_settings
from iam.clients import crud

ALGORITHM = "RS256"
LIFETIME_S = 3600


def encode(claims: dict[str, Any], *, client_id: str, access_token: str, nonce: str | None, signed_in_at: int) -> str:
    now = int(time.time())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    own = {
        "iss": get_settings().public_url,
        "aud": client_id,
        "iat": now,
        "exp": now + LIFETIME_S,
        "auth_time": signed_in_at,
        "at_hash": urlsafe_b64encode(half).decode(),
    }
    if nonce is not None:
        own["nonce"] = nonce
    key = _keys()[0]
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, own | claims, key, algorithms=[ALGORITHM])


def public_keys() -> list[dict[str, Any]]:
    """RFC 7517: those that verify what we sign, and signed before."""
    return [dict(key.as_dict(private=False, use="sig", alg=ALGORITHM)) for key in _keys()]


def ensure() -> None:
    """Have the keys at hand, before a transaction is begun: a session more is taken for it, once a process."""
    _keys()


@functools.cache
def _keys() -> tuple[RSAKey, ...]:
    return tuple(key for wanted in keys("id tokens") if (key := _load_or_make(wanted=wanted)) is not None)


@with_db_session
def _load_or_make(*, wanted: Key, db: Session) -> RSAKey | None:
    """The key of that id; made when it is the one that signs and there is none yet."""
    pem = crud.signing_keys(db, key_ids=[wanted.id]).get(wanted.id)
    if pem is None and wanted != keys("id tokens")[0]:
        return None
    if pem is None:
        crud.add_signing_key(db, key_id=wanted.id, pem=_make(wanted.secret))
        pem = crud.signing_keys(db, key_ids=[wanted.id])[wanted.id]
    try:
        private = serialization.load_pem_private_key(pem.encode(), wanted.secret.hex().encode())
    except ValueError:
        raise Unavailable("The signing key cannot be read.", retry_after=300) from None
    assert isinstance(private, rsa.RSAPrivateKey)
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return RSAKey.import_key(plain, {"kid": wanted.id})


def _make(secret: bytes) -> str:
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(secret.hex().encode()),
        )
        .decode()
    )
