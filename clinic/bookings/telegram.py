"""What Telegram says of who opened a Mini App: `initData`, signed by Telegram, new, and used once.

The bot's token checks `hash` (core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app), Telegram's
public key checks `signature` (…#validating-data-for-third-party-use); where the bot's id alone is known, only that.
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
"""That Telegram's clock may be before ours."""


class _User(BaseModel):
    id: int


def use(db: Session, init_data: str) -> int:
    """The id of the user at Telegram. Invalid when Telegram did not sign it, or too long ago; Conflict when it has been
    used."""
    fields = _verify(init_data)
    told = _lines(fields, without=("hash", "signature"))  # neither can be written differently in what is compared
    digest = hashlib.sha256(told.encode()).digest()
    if not crud.use_init_data(db, digest=digest, remember=dt.timedelta(seconds=2 * MAX_AGE_S)):
        raise Conflict("This has been used already. Open the app in Telegram again.", field=FIELD)
    try:
        user = _User.model_validate_json(fields.get("user", ""))
    except ValidationError:
        raise _invalid("It names no user.") from None
    if not 0 < user.id <= MAX_ID:
        raise _invalid("It names no user.")
    return user.id


def _verify(init_data: str) -> dict[str, str]:
    """The fields, if they are what Telegram signed within the last hour. Invalid."""
    settings = get_settings()
    token = settings.telegram_bot_token.get_secret_value()
    bot_id = token.partition(":")[0] or str(settings.telegram_bot_id or "")
    if not bot_id:
        raise _invalid("This clinic has no bot at Telegram.")
    try:
        pairs = parse_qsl(init_data, keep_blank_values=True, strict_parsing=True, max_num_fields=50)
    except ValueError:
        raise _invalid("It cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _invalid("It has a field twice.")
    if token and not _is_hash(fields, token):
        raise _invalid("Its hash is not right.")
    if ("signature" in fields or not token) and not _is_signature(fields, bot_id):
        raise _invalid("Its signature is not right.")
    date = fields.get("auth_date", "")
    age_s = time.time() - int(date) if date.isascii() and date.isdigit() and len(date) < 16 else float("inf")
    if not -MAX_AHEAD_S <= age_s <= MAX_AGE_S:
        raise _invalid("It is older than an hour. Open the app in Telegram again.")
    return fields


def _lines(fields: dict[str, str], *, without: tuple[str, ...]) -> str:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without)


def _is_hash(fields: dict[str, str], token: str) -> bool:
    secret = hmac.digest(b"WebAppData", token.encode(), "sha256")
    expected = hmac.digest(secret, _lines(fields, without=("hash",)).encode(), "sha256").hex()
    return hmac.compare_digest(expected.encode(), fields.get("hash", "").encode())


def _is_signature(fields: dict[str, str], bot_id: str) -> bool:
    told = f"{bot_id}:WebAppData\n" + _lines(fields, without=("hash", "signature"))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(get_settings().telegram_public_key))
    given = fields.get("signature", "")
    try:
        key.verify(base64.b64decode(given + "=" * (-len(given) % 4), altchars="-_", validate=True), told.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _invalid(reason: str) -> Invalid:
    return Invalid(reason, field=FIELD)
