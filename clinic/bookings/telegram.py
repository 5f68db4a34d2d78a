"""The `initData` of a Telegram Mini App: verify its signatures and age, and accept it once.

The bot's token verifies `hash` (core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app). Telegram's
public key verifies `signature` (…#validating-data-for-third-party-use). If only the bot's id is configured, only
`signature` is verified.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import time
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from clinic.bookings import crud
from conf.errors import Conflict, Invalid
from conf.settings import get_settings
from conf.values import MAX_ID

FIELD = "telegram_init_data"
MAX_AGE_S = 3600
MAX_AHEAD_S = 60
"""How far Telegram's clock may be ahead of ours."""


class _User(BaseModel):
    id: int


def use(db: Session, init_data: str) -> int:
    """Return the Telegram user's id, and mark the init data as used.

    Raises: Invalid, if Telegram has not signed it within the last hour; Conflict, if it has been used.
    """
    fields = _verify(init_data)
    signed = _data_check_string(fields, without=("hash", "signature"))  # the same for every encoding of the same data
    digest = hashlib.sha256(signed.encode()).digest()
    if not crud.use_init_data(db, digest=digest, keep_for=dt.timedelta(seconds=2 * MAX_AGE_S)):
        raise Conflict("The init data has already been used. Open the app in Telegram again.", field=FIELD)
    try:
        user = _User.model_validate_json(fields.get("user", ""))
    except ValidationError:
        raise _invalid("The init data contains no user.") from None
    if not 0 < user.id <= MAX_ID:
        raise _invalid("The init data contains no user.")
    return user.id


def _verify(init_data: str) -> dict[str, str]:
    """Return the fields. Raises: Invalid, if Telegram has not signed them within the last hour."""
    settings = get_settings()
    token = settings.telegram_bot_token.get_secret_value()
    bot_id = token.partition(":")[0] or str(settings.telegram_bot_id or "")
    if not bot_id:
        raise _invalid("This clinic has no Telegram bot. Leave this field out.")
    try:
        pairs = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True, max_num_fields=50)
    except ValueError:
        raise _invalid("The init data cannot be parsed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _invalid("The init data contains a field twice.")
    if token and not _verify_hash(fields, token):
        raise _invalid("The hash of the init data is not valid.")
    if ("signature" in fields or not token) and not _verify_signature(fields, bot_id):
        raise _invalid("The signature of the init data is not valid.")
    date = fields.get("auth_date", "")
    age_s = time.time() - int(date) if date.isascii() and date.isdigit() and len(date) < 16 else float("inf")
    if not -MAX_AHEAD_S <= age_s <= MAX_AGE_S:
        raise _invalid("The init data is older than an hour or has no valid date. Open the app in Telegram again.")
    return fields


def _data_check_string(fields: dict[str, str], *, without: tuple[str, ...]) -> str:
    """Return the fields in the form that Telegram signs, without the named ones."""
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without)


def _verify_hash(fields: dict[str, str], token: str) -> bool:
    secret = hmac.digest(b"WebAppData", token.encode(), "sha256")
    expected = hmac.digest(secret, _data_check_string(fields, without=("hash",)).encode(), "sha256").hex()
    return hmac.compare_digest(expected.encode(), fields.get("hash", "").encode())


def _verify_signature(fields: dict[str, str], bot_id: str) -> bool:
    message = f"{bot_id}:WebAppData\n" + _data_check_string(fields, without=("hash", "signature"))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(get_settings().telegram_public_key))
    given = fields.get("signature", "")
    try:
        key.verify(base64.b64decode(given + "=" * (-len(given) % 4), altchars="-_", validate=True), message.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _invalid(reason: str) -> Invalid:
    return Invalid(reason, field=FIELD)
