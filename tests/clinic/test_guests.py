"""What strangers can do in the name of guests: little, and only until somebody reads the mail."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import text

from clinic.bookings import notices, patients
from clinic.bookings.origins import MAX_HOLDS, MAX_HOLDS_HERE, MAX_OF_GUESTS_HERE, MAX_WAITING
from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf._celery.models import Job
from conf.db.session import write_engine
from conf.mail import limits
from conf.settings import get_settings
from iam.roles import Role
from tests.clinic.factory import GUEST, at, end_holds, make_doctor, slot_request
from tests.clinic.test_telegram import PUBLIC, TOKEN, signed
from tests.people import Person, make_person
from tests.system import System

BOOKINGS, HOLDS = "/api/v1/bookings/", "/api/v1/holds/"
RunJobs = Callable[[], list[Job]]
Mails = Callable[[], list[str]]


@pytest.fixture
def confirming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests must confirm, as they must by default where mails are sent."""
    settings = get_settings().model_copy(update={"confirm_guests": True})
    monkeypatch.setattr("clinic.bookings.helpers.get_settings", lambda: settings)


def execute(statement: str) -> None:
    with write_engine().begin() as connection:
        connection.execute(text(statement))


def book(client: TestClient, doctor: Doctor, place: Location, when: dt.datetime, **more: Any) -> Any:
    return client.post(BOOKINGS, json=slot_request(doctor, place, when) | GUEST | more)


def mailed_link(mail: str) -> dict[str, str]:
    found = re.search(r"/bookings/confirm/#booking=(\d+)&key=([\w-]+)", mail)
    assert found
    return {"booking": found[1], "key": found[2]}


def test_guests_must_confirm_by_default_where_mails_are_sent() -> None:
    settings = get_settings()
    assert not settings.guests_must_confirm
    assert settings.model_copy(update={"smtp_url": "smtp://mail.example"}).guests_must_confirm
    off = {"smtp_url": "smtp://mail.example", "confirm_guests": False}
    assert not settings.model_copy(update=off).guests_must_confirm


def test_a_guest_confirms_a_booking_with_the_link_in_the_mail(
    confirming: None, anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: RunJobs, mails: Mails
) -> None:
    made = book(anonymous, doctor, place, at(2))
    assert (made.status_code, made.json()["status"], made.json()["key"]) == (201, "pending", None)
    run_jobs()
    (mail,) = mails()
    assert "Somebody has made this booking" in mail
    link = mailed_link(mail)
    address, key = f"{BOOKINGS}{link['booking']}/", {"key": link["key"]}
    assert anonymous.get(address, params=key).json()["status"] == "pending"
    confirmed = anonymous.post(f"{address}confirm/", params=key)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "booked")
    run_jobs()
    assert "Your booking is confirmed." in mails()[-1]
    assert anonymous.post(f"{address}confirm/", params=key).status_code == 409


def test_an_unconfirmed_booking_is_cancelled_without_a_mail(
    confirming: None, anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: RunJobs, mails: Mails
) -> None:
    made = book(anonymous, doctor, place, at(2)).json()
    assert dt.datetime.fromisoformat(made["held_until"]) - dt.datetime.now(dt.UTC) <= dt.timedelta(hours=2)
    run_jobs()
    link = mailed_link(mails()[0])
    assert book(anonymous, doctor, place, at(2), email="other@home.example").status_code == 409
    end_holds()
    execute("UPDATE jobs SET run_after = now()")
    run_jobs()
    assert len(mails()) == 1
    seen = anonymous.get(f"{BOOKINGS}{made['id']}/", params={"key": link["key"]}).json()
    assert seen["status"] == "cancelled"
    assert book(anonymous, doctor, place, at(2)).status_code == 201


def test_accounts_staff_and_telegram_users_need_not_confirm(
    confirming: None,
    anonymous: TestClient,
    doctor: Doctor,
    place: Location,
    patient: Person,
    staff: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for day, person, contact in ((2, patient, {}), (3, staff, GUEST)):
        body = slot_request(doctor, place, at(day)) | contact
        assert anonymous.post(BOOKINGS, json=body, headers=person.headers).json()["status"] == "booked"
    telegram = get_settings().model_copy(update={"telegram_bot_token": SecretStr(TOKEN), "telegram_public_key": PUBLIC})
    monkeypatch.setattr("clinic.bookings.telegram.get_settings", lambda: telegram)
    made = book(anonymous, doctor, place, at(4), telegram_init_data=signed()).json()
    assert (made["status"], made["key"] is not None) == ("booked", True)


def test_a_confirmed_slot_of_a_hold_is_pending_until_it_is_confirmed(
    confirming: None, anonymous: TestClient, doctor: Doctor, place: Location, run_jobs: RunJobs, mails: Mails
) -> None:
    hold = anonymous.post(HOLDS, json=slot_request(doctor, place, at(2))).json()["hold"]
    made = anonymous.post(BOOKINGS, json=GUEST | {"hold": hold}).json()
    assert made["status"] == "pending"
    run_jobs()
    link = mailed_link(mails()[0])
    confirmed = anonymous.post(f"{BOOKINGS}{made['id']}/confirm/", params={"key": link["key"]})
    assert confirmed.json()["status"] == "booked"


def test_guests_from_one_address_have_few_bookings_with_a_doctor(
    anonymous: TestClient, doctor: Doctor, place: Location, patient: Person
) -> None:
    statuses = [
        book(anonymous, doctor, place, at(2 + n), email=f"guest{n}@home.example").status_code
        for n in range(MAX_OF_GUESTS_HERE + 1)
    ]
    assert statuses == [201] * MAX_OF_GUESTS_HERE + [429]
    hold = anonymous.post(HOLDS, json=slot_request(doctor, place, at(9))).json()["hold"]
    assert anonymous.post(BOOKINGS, json=GUEST | {"hold": hold}).status_code == 429
    assert book(anonymous, make_doctor(place), place, at(2, 12)).status_code == 201
    body = slot_request(doctor, place, at(10))
    assert anonymous.post(BOOKINGS, json=body, headers=patient.headers).status_code == 201


def test_one_address_and_one_account_hold_few_slots(
    anonymous: TestClient, doctor: Doctor, place: Location, patient: Person, staff: Person
) -> None:
    def hold(of: Doctor, when: dt.datetime, **headers: str) -> int:
        return anonymous.post(HOLDS, json=slot_request(of, place, when), headers=headers).status_code

    assert [hold(doctor, at(2 + n)) for n in range(MAX_HOLDS_HERE + 1)] == [201] * MAX_HOLDS_HERE + [429]
    own = [hold(doctor, at(2 + n, 12), **patient.headers) for n in range(MAX_HOLDS_HERE + 1)]
    assert own == [201] * MAX_HOLDS_HERE + [429]
    assert {hold(doctor, at(2 + n, 14), **staff.headers) for n in range(MAX_HOLDS_HERE + 2)} == {201}
    others = [hold(make_doctor(place), at(2)) for _ in range(MAX_HOLDS)]
    assert others.count(201) == MAX_HOLDS - MAX_HOLDS_HERE
    end_holds()
    assert hold(doctor, at(2)) == 201


def test_guests_from_one_address_have_few_entries_on_waiting_lists(
    anonymous: TestClient, doctor: Doctor, place: Location
) -> None:
    days = {"first_day": str(at(1).date()), "last_day": str(at(3).date())}
    body = {"doctor_id": doctor.id, "location_id": place.id} | days | GUEST
    statuses = [anonymous.post("/api/v1/waiting/", json=body).status_code for _ in range(MAX_WAITING + 1)]
    assert statuses == [201] * MAX_WAITING + [429]


def test_strangers_cannot_use_up_the_changes_of_a_booking(
    anonymous: TestClient, doctor: Doctor, place: Location
) -> None:
    made = book(anonymous, doctor, place, at(2)).json()
    cancel = f"{BOOKINGS}{made['id']}/cancel/"
    stranger = make_person(Role.STUDENT, name="stranger")
    assert {anonymous.post(cancel, json={}).status_code for _ in range(25)} == {401}
    assert {anonymous.post(cancel, json={}, params={"key": "x"}).status_code for _ in range(25)} == {404}
    assert {anonymous.post(cancel, json={}, headers=stranger.headers).status_code for _ in range(20)} == {404}
    assert anonymous.post(cancel, json={}, params={"key": made["key"]}).status_code == 200


def test_wrong_keys_are_counted_by_address(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    made = book(anonymous, doctor, place, at(2)).json()
    cancel = f"{BOOKINGS}{made['id']}/cancel/"
    statuses = [anonymous.post(cancel, json={}, params={"key": "x"}).status_code for _ in range(121)]
    assert statuses == [404] * 120 + [429]


def test_one_account_and_one_user_of_telegram_have_few_upcoming_bookings(
    anonymous: TestClient, doctor: Doctor, place: Location, patient: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.bookings.origins.MAX_OF_ACCOUNT_HERE", 2)
    telegram = get_settings().model_copy(update={"telegram_bot_token": SecretStr(TOKEN), "telegram_public_key": PUBLIC})
    monkeypatch.setattr("clinic.bookings.telegram.get_settings", lambda: telegram)

    own = [
        anonymous.post(BOOKINGS, json=slot_request(doctor, place, at(2 + n)), headers=patient.headers) for n in range(3)
    ]
    assert [response.status_code for response in own] == [201, 201, 429]
    by_telegram = [
        book(
            anonymous, doctor, place, at(6 + n), email=f"t{n}@home.example", telegram_init_data=signed(query_id=str(n))
        )
        for n in range(3)
    ]
    assert [response.status_code for response in by_telegram] == [201, 201, 429]


def test_a_recipient_gets_few_mails_and_the_rest_later(
    anonymous: TestClient, place: Location, run_jobs: RunJobs, mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinic.bookings.origins.MAX_OF_GUESTS", 100)
    for number in range(limits.MAX_PER_HOUR + 3):
        made = book(anonymous, make_doctor(place), place, at(2 + number))
        assert made.status_code == 201, made.text
    run_jobs()
    assert len(mails()) == limits.MAX_PER_HOUR
    execute("UPDATE sent_mails SET at = at - interval '61 minutes'")
    execute("UPDATE jobs SET run_after = now() WHERE name = 'clinic.bookings.notify' AND args->>'kind' = 'booked'")
    run_jobs()
    assert len(mails()) == limits.MAX_PER_HOUR + 3


def test_several_changes_are_one_mail(
    anonymous: TestClient,
    doctor: Doctor,
    place: Location,
    patient: Person,
    run_jobs: RunJobs,
    mails: Mails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notices, "SETTLE", dt.timedelta(minutes=1))
    body = slot_request(doctor, place, at(2))
    booking = anonymous.post(BOOKINGS, json=body, headers=patient.headers).json()
    run_jobs()
    for day in (3, 4, 5):
        move = {"starts_at": at(day).isoformat()}
        path = f"{BOOKINGS}{booking['id']}/reschedule/"
        assert anonymous.post(path, json=move, headers=patient.headers).status_code == 200
    run_jobs()
    assert len(mails()) == 1
    execute("UPDATE jobs SET run_after = now() WHERE args->>'kind' = 'moved'")
    run_jobs()
    assert len(mails()) == 2
    assert f"{at(5).day}" in mails()[1]


def test_a_change_before_the_first_mail_is_told_as_the_booking(
    anonymous: TestClient, doctor: Doctor, place: Location, patient: Person, run_jobs: RunJobs, mails: Mails
) -> None:
    body = slot_request(doctor, place, at(2))
    booking = anonymous.post(BOOKINGS, json=body, headers=patient.headers).json()
    move = {"starts_at": at(3).isoformat()}
    anonymous.post(f"{BOOKINGS}{booking['id']}/reschedule/", json=move, headers=patient.headers)
    run_jobs()
    (mail,) = mails()
    assert "Your booking is confirmed." in mail


def test_account_mails_are_limited_apart_from_those_of_bookings(
    anonymous: TestClient, run_jobs: RunJobs, mails: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make_person(Role.STUDENT, name="victim")
    for _ in range(limits.MAX_PER_HOUR):
        with limits.sending(to=person.email, purpose="clinic") as wait_s:
            assert wait_s == 0
    for _ in range(3):
        anonymous.post("/api/v1/auth/password/reset/", json={"email": person.email})
    run_jobs()
    assert len(mails()) == 3
    for _ in range(limits.MAX_PER_HOUR - 3):
        with limits.sending(to=person.email, purpose="account"):
            pass
    with pytest.raises(RuntimeError), limits.sending(to="other@home.example", purpose="account"):
        raise RuntimeError
    anonymous.post("/api/v1/auth/password/reset/", json={"email": person.email})
    run_jobs()
    assert len(mails()) == 3


def test_a_guest_confirms_on_the_page_in_a_browser(api: System, browser: Any) -> None:
    key = patients.link_key("booking", 1)
    page = browser.new_page(locale="en-GB")
    seen: list[str] = []

    def respond(route: Any) -> None:
        seen.append(f"{route.request.method} {route.request.url.removeprefix(api.url)}")
        booking = {"status": "pending", "doctor_name": "Dr. Rey", "starts_at": "2030-05-06T09:00:00Z"}
        place = {"time_zone": "Europe/Berlin", "location_name": "Main building", "address": "Park Street 1"}
        route.fulfill(status=200, json=booking | place)

    page.route("**/api/v1/bookings/**", respond)
    page.goto(f"{api.url}/bookings/confirm/#booking=1&key={key}")
    page.get_by_role("button", name="Confirm the booking").wait_for()
    assert "Dr. Rey" in page.inner_text("main")
    assert "11:00" in page.inner_text("main")
    assert page.url == f"{api.url}/bookings/confirm/"
    page.get_by_role("button").click()
    page.get_by_text("Thank you. The booking is confirmed.").wait_for()
    query = f"?key={key}"
    assert seen == [f"GET /api/v1/bookings/1/{query}", f"POST /api/v1/bookings/1/confirm/{query}"]


def test_the_confirmation_page_explains_a_broken_link_in_the_language_of_the_browser(api: System, browser: Any) -> None:
    page = browser.new_page(locale="uk-UA")
    page.goto(f"{api.url}/bookings/confirm/#booking=1")
    page.get_by_text("Посилання неповне").wait_for()
    assert page.inner_text("h1") == "Підтвердьте запис"
