"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a repeated POST is processed once.

The response is stored in the same transaction as the changes of the request. Only responses of successful requests are
stored. A failed request has changed nothing and may be repeated with the same key. Different accounts and different
routes may use the same key.
"""

import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from conf.errors import Conflict, Invalid
from conf.http.idempotency import crud
from conf.keys import Key, keys

HEADER = "Idempotency-Key"
_KEY = re.compile(r'"([!#-\[\]-~ ]{1,200})"|([!#-~]{1,200})')
"""A String of Structured Fields (RFC 9651), or the same without the quotes."""
NONCE_BYTES = 12


@dataclass(frozen=True)
class StoredResponse:
    """The response to an earlier request with the same key."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class PendingKey:
    """A key that is used for the first time."""

    key_hash: bytes
    fingerprint: bytes

    def keep(self, db: Session, response: StoredResponse) -> None:
        """Encrypt and store the response."""
        nonce = os.urandom(NONCE_BYTES)
        body = nonce + AESGCM(keys("idempotency")[0].secret).encrypt(nonce, response.body, self.key_hash)
        crud.keep(
            db,
            key_hash=self.key_hash,
            fingerprint=self.fingerprint,
            status=response.status,
            headers=response.headers,
            body=body,
        )


def begin(db: Session, *, given: str, scope: str, request: list[bytes]) -> StoredResponse | PendingKey:
    """Lock the key. Return the stored response to an earlier request, or a PendingKey if the key is new.

    `given`: the header's value. `scope`: the caller and the route. `request`: the parts that identify the request.

    Raises: Conflict, while another request with the key is processed, or if the stored response cannot be decrypted;
    Invalid, if the key is malformed or was used for a different request.
    """
    match = _KEY.fullmatch(given.strip())
    if match is None:
        raise Invalid("The key must be 1 to 200 printable ASCII characters, such as a UUID.", field=HEADER)
    key_hash = _hash([scope.encode(), (match[1] or match[2]).encode()])
    fingerprint = _fingerprint(request)
    if not crud.try_lock(db, key_hash=key_hash):
        raise Conflict("Another request with this Idempotency-Key is still being processed. Try again later.")
    known = crud.find(db, key_hash=key_hash)
    if known is None:
        return PendingKey(key_hash, fingerprint)
    if not any(hmac.compare_digest(known.fingerprint, _fingerprint(request, key)) for key in keys("idempotency")):
        raise Invalid("This key was already used for a different request. Use a new key.", field=HEADER)
    return StoredResponse(known.status, known.headers, _decrypt(known.body, key_hash))


def _hash(parts: list[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


def _fingerprint(request: list[bytes], key: Key | None = None) -> bytes:
    """Return an HMAC of the request. It has a secret key, so nobody can guess the request from a backup."""
    return hmac.digest((key or keys("idempotency")[0]).secret, _hash(request), "sha256")


def _decrypt(body: bytes, key_hash: bytes) -> bytes:
    nonce, rest = body[:NONCE_BYTES], body[NONCE_BYTES:]
    for key in keys("idempotency"):
        try:
            return AESGCM(key.secret).decrypt(nonce, rest, key_hash)
        except InvalidTag:
            continue
    raise Conflict(
        "This request was already processed, but its response cannot be decrypted because SECRET_KEY has changed."
    )
