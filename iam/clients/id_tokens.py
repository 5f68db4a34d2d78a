"""ID tokens (OpenID Connect Core, 2), signed with RS256, so that clients can verify them with the public keys.

There is one RSA key for each SECRET_KEY. It is stored in the database, encrypted with a password derived from that
SECRET_KEY, so a new SECRET_KEY also brings a new RSA key.
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
    """Return a signed ID token. `signed_in_at`: a Unix time."""
    now = int(time.time())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    registered = {
        "iss": get_settings().public_url,
        "aud": client_id,
        "iat": now,
        "exp": now + LIFETIME_S,
        "auth_time": signed_in_at,
        "at_hash": urlsafe_b64encode(half).decode(),
    }
    if nonce is not None:
        registered["nonce"] = nonce
    key = _keys()[0]
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, registered | claims, key, algorithms=[ALGORITHM])


def public_keys() -> list[dict[str, Any]]:
    """Return the public keys of the current and the previous signing keys, as JSON Web Keys (RFC 7517)."""
    return [dict(key.as_dict(private=False, use="sig", alg=ALGORITHM)) for key in _keys()]


def ensure() -> None:
    """Load the keys into the cache of this process. Call it before a transaction begins: the first call opens a database
    session of its own."""
    _keys()


@functools.cache
def _keys() -> tuple[RSAKey, ...]:
    return tuple(key for root in keys("id tokens") if (key := _load_or_make(root=root)) is not None)


@with_db_session
def _load_or_make(*, root: Key, db: Session) -> RSAKey | None:
    """Return the RSA key that belongs to a SECRET_KEY. If it does not exist yet, create it for the current SECRET_KEY and
    return None for an old one."""
    pem = crud.signing_keys(db, key_ids=[root.id]).get(root.id)
    if pem is None and root != keys("id tokens")[0]:
        return None
    if pem is None:
        crud.add_signing_key(db, key_id=root.id, pem=_make(root.secret))
        pem = crud.signing_keys(db, key_ids=[root.id])[root.id]
    try:
        private = serialization.load_pem_private_key(pem.encode(), root.secret.hex().encode())
    except ValueError:
        raise Unavailable("The signing key cannot be read.", retry_after=300) from None
    assert isinstance(private, rsa.RSAPrivateKey)
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return RSAKey.import_key(plain, {"kid": root.id})


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
