"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a POST that comes twice is done once.

The answer is kept in the transaction of what it tells of, so there is never the one without the other. Only what
succeeded is kept: what failed changed nothing and may be tried again. Keys are each account's own, and each route's.
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
"""A string of structured headers (RFC 9651), or what is between its quotes."""
NONCE_BYTES = 12


@dataclass(frozen=True)
class StoredResponse:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class PendingKey:
    """To keep the answer to this request."""

    key_hash: bytes
    fingerprint: bytes

    def keep(self, db: Session, answer: StoredResponse) -> None:
        nonce = os.urandom(NONCE_BYTES)
        body = nonce + AESGCM(keys("idempotency")[0].secret).encrypt(nonce, answer.body, self.key_hash)
        crud.keep(
            db,
            key_hash=self.key_hash,
            fingerprint=self.fingerprint,
            status=answer.status,
            headers=answer.headers,
            body=body,
        )


def begin(db: Session, *, given: str, scope: str, request: list[bytes]) -> StoredResponse | PendingKey:
    """What was answered to this request before; or, when it is new, the promise to keep the answer.

    `scope`: account and route. `request`: all that makes it this one. Conflict while the first is being answered;
    Invalid for a bad key, and for one that came with another request.
    """
    match = _KEY.fullmatch(given.strip())
    if match is None:
        raise Invalid("Give 1 to 200 characters of ASCII; a UUID does well.", field=HEADER)
    key_hash = _hash([scope.encode(), (match[1] or match[2]).encode()])
    fingerprint = _fingerprint(request)
    if not crud.try_lock(db, key_hash=key_hash):
        raise Conflict("The first request with this Idempotency-Key is still being answered.")
    known = crud.find(db, key_hash=key_hash)
    if known is None:
        return PendingKey(key_hash, fingerprint)
    if not any(hmac.compare_digest(known.fingerprint, _fingerprint(request, key)) for key in keys("idempotency")):
        raise Invalid("This key came with another request before. Use a new one.", field=HEADER)
    return StoredResponse(known.status, known.headers, _decrypt(known.body, key_hash))


def _hash(parts: list[bytes]) -> bytes:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8) + part)
    return whole.digest()


def _fingerprint(request: list[bytes], key: Key | None = None) -> bytes:
    """Under a key of ours: a backup lets nobody try what the request may have said."""
    return hmac.digest((key or keys("idempotency")[0]).secret, _hash(request), "sha256")


def _decrypt(body: bytes, key_hash: bytes) -> bytes:
    nonce, rest = body[:NONCE_BYTES], body[NONCE_BYTES:]
    for key in keys("idempotency"):
        try:
            return AESGCM(key.secret).decrypt(nonce, rest, key_hash)
        except InvalidTag:
            continue
    raise Conflict("This was done before; the answer can no longer be read, as SECRET_KEY has changed.")
