"""Telegram init data, verified by its hash and by its signature."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from pydantic import SecretStr

from clinic.bookings import telegram
from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf.db.session import open_session
from conf.errors import Invalid
from conf.settings import Settings, get_settings
from tests.clinic.factory import GUEST, at, slot_request
from tests.people import Person

BOOKINGS = "/api/v1/bookings/"
TOKEN = "42:a-token-of-the-tests"
TELEGRAM = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = TELEGRAM.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


@pytest.fixture
def bot_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that changes the settings of the bot."""

    def configure(**settings: Any) -> None:
        made: Settings = get_settings().model_copy(update={"telegram_public_key": PUBLIC} | settings)
        monkeypatch.setattr(telegram, "get_settings", lambda: made)

    configure(telegram_bot_token=SecretStr(TOKEN))
    return configure


def lines(fields: dict[str, str], *without: str) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(fields.items()) if name not in without)


def signed(*, user_id: int = 7, age_s: float = 0, signature: bool = True, token: str = TOKEN, **more: str) -> str:
    """Return init data as Telegram signs it."""
    fields = {"query_id": "AAH", "user": json.dumps({"id": user_id, "first_name": "Tel & co"})}
    fields |= {"auth_date": str(int(time.time() - age_s))} | more
    if signature:
        made = TELEGRAM.sign(f"42:WebAppData\n{lines(fields)}".encode())
        fields["signature"] = base64.urlsafe_b64encode(made).decode().rstrip("=")
    secret = hmac.digest(b"WebAppData", token.encode(), "sha256")
    fields["hash"] = hmac.new(secret, lines(fields).encode(), hashlib.sha256).hexdigest()
    return urlencode(fields)


def book(client: TestClient, person: Person, doctor: Doctor, place: Location, init_data: str, days: int = 2) -> Any:
    body = slot_request(doctor, place, at(days), telegram_init_data=init_data)
    return client.post(BOOKINGS, json=body, headers=person.headers)


def test_a_booking_from_telegram_stores_the_id_of_the_user(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, bot_settings: Callable[..., None]
) -> None:
    made = book(anonymous, patient, doctor, place, signed(user_id=123))
    assert made.status_code == 201, made.text
    with open_session() as db:
        from clinic.bookings import crud

        assert crud.get(db, booking_id=made.json()["id"]).telegram_id == 123


def test_used_init_data_is_refused_also_in_another_encoding(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, bot_settings: Callable[..., None]
) -> None:
    init_data = signed()
    assert book(anonymous, patient, doctor, place, init_data).status_code == 201
    reencoded = "&".join(reversed(init_data.replace("query_id=AAH", "query_id=%41AH").split("&")))
    for again in (init_data, reencoded):
        response = book(anonymous, patient, doctor, place, again, days=3)
        assert (response.status_code, response.json()["errors"][0]["field"]) == (409, "telegram_init_data")


def test_a_failed_booking_does_not_use_up_the_init_data(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, bot_settings: Callable[..., None]
) -> None:
    init_data = signed()
    assert anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2)) | GUEST).status_code == 201
    assert book(anonymous, patient, doctor, place, init_data).status_code == 409
    assert book(anonymous, patient, doctor, place, init_data, days=3).status_code == 201


@pytest.mark.parametrize(
    "made",
    [
        lambda: signed(age_s=3700),
        lambda: signed(age_s=-300),
        lambda: signed(token="42:another"),
        lambda: signed().replace("Tel", "Mal"),
        lambda: signed().replace("signature=", "signature=A"),
        lambda: signed() + "&user=%7B%22id%22%3A8%7D",
        lambda: signed(auth_date="soon"),
        lambda: signed(auth_date="9" * 30),
        lambda: signed(user="{}"),
        lambda: signed(user="no"),
        lambda: signed(user='{"id": -1}'),
        lambda: urlencode({"hash": "x"}),
        lambda: "nonsense",
        lambda: "a=%00&hash=ü",
    ],
)
def test_invalid_or_old_init_data_is_refused(
    anonymous: TestClient,
    patient: Person,
    doctor: Doctor,
    place: Location,
    bot_settings: Callable[..., None],
    made: Callable[[], str],
) -> None:
    response = book(anonymous, patient, doctor, place, made())
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "telegram_init_data")


def test_with_only_the_id_of_the_bot_the_signature_is_required(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, bot_settings: Callable[..., None]
) -> None:
    bot_settings(telegram_bot_id=42, telegram_bot_token=SecretStr(""))
    assert book(anonymous, patient, doctor, place, signed(token="nobody's")).status_code == 201
    assert book(anonymous, patient, doctor, place, signed(signature=False), days=3).status_code == 422
    bot_settings(telegram_bot_id=43, telegram_bot_token=SecretStr(""))
    assert book(anonymous, patient, doctor, place, signed(), days=3).status_code == 422


def test_init_data_of_older_apps_has_only_a_hash(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location, bot_settings: Callable[..., None]
) -> None:
    assert book(anonymous, patient, doctor, place, signed(signature=False)).status_code == 201


def test_init_data_is_refused_without_a_bot(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    response = book(anonymous, patient, doctor, place, signed())
    assert (response.status_code, "no Telegram bot" in response.json()["detail"]) == (422, True)


REAL = (
    "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C%22last_name%22%3A%22"
    "Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%2C%22"
    "allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F"
    "4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private&"
    "auth_date=1733509682&signature=TYJxVcisqbWjtodPepiJ6ghziUL94-KNpG8Pau-X7oNNLNBM72APCpi_RKiUlBvcqo5L-LAxIc3dnTzcZX_"
    "PDg&hash=a433d8f9847bd6addcc563bff7cc82c89e97ea0d90c11fe5729cae6796a36d73"
)
"""Init data signed by Telegram; tma.js publishes the bot's token (docs.telegram-mini-apps.com/platform/init-data)."""


def test_real_init_data_is_accepted_except_for_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify it with Telegram's public key in the default settings."""
    signed_by_bot = {"telegram_bot_token": SecretStr("7342037359:AAHI25ES9xCOMPokpYoz-p8XVrZUdygo2J4")}
    for settings in (signed_by_bot, {"telegram_bot_id": 7342037359}):
        made = get_settings().model_copy(update=settings)
        monkeypatch.setattr(telegram, "get_settings", lambda made=made: made)
        with pytest.raises(Invalid, match="older than an hour"):
            telegram._verify(REAL)
        with monkeypatch.context() as then:
            then.setattr("clinic.bookings.telegram.time.time", lambda: 1733509700)
            assert json.loads(telegram._verify(REAL)["user"])["id"] == 279058397
