"""The catalogue: locations, specialties, doctors and diagnostics, as clients read it and staff edit it."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from clinic.bookings.models import BookingStatus
from clinic.diagnostics.models import Diagnostic
from clinic.doctors.models import Doctor
from clinic.locations.models import Location
from conf._celery.models import Job
from iam.roles import Role
from tests.clinic.factory import at, end_holds, make_booking, make_diagnostic, make_doctor, make_location
from tests.conftest import Seen
from tests.people import Person, make_person

API = "/api/v1/"


def names(client: TestClient, path: str, **params: Any) -> list[str]:
    response = client.get(API + path, params=params)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


def change(client: TestClient, path: str, **body: Any) -> Any:
    tag = client.get(API + path).headers["ETag"]
    return client.patch(API + path, json=body, headers={"If-Match": tag})


def test_a_location_is_created_updated_and_hidden(client: TestClient) -> None:
    body = {"name": "East", "address": "Park 2", "time_zone": "Europe/Berlin"}
    made = client.post(f"{API}locations/", json=body)
    path = made.headers["Location"].removeprefix(API)
    assert (made.status_code, made.json()["is_active"]) == (201, True)
    assert change(client, path, name="West").json()["name"] == "West"
    assert client.patch(API + path, json={"name": "x"}).status_code == 428
    include_inactive = change(client, path, is_active=False)
    assert include_inactive.status_code == 200
    assert names(client, "locations/") == ["West"]  # staff and admins see inactive locations
    del client.headers["Authorization"]
    assert (names(client, "locations/"), client.get(API + path).status_code) == ([], 404)


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ([(1, "09:00", "12:00"), (1, "11:00", "15:00")], "overlap"),
        ([(1, "22:00", "06:00"), (2, "05:00", "09:00")], "overlap"),
        ([(7, "22:00", "06:00"), (1, "05:00", "09:00")], "overlap"),
        ([(1, "00:00", "00:00"), (1, "12:00", "13:00")], "overlap"),
        ([(8, "09:00", "12:00")], "less than or equal to 7"),
        ([(1, "09:00:30", "12:00")], "should match pattern"),
        ([(1, "25:00", "12:00")], "should match pattern"),
    ],
)
def test_invalid_hours_are_refused(client: TestClient, place: Location, schedule: Any, reason: str) -> None:
    hours = [{"weekday": day, "opens": opens, "closes": closes} for day, opens, closes in schedule]
    response = client.put(f"{API}working-hours/{place.id}/", json={"hours": hours}, headers={"If-Match": "*"})
    assert response.status_code == 422
    assert reason in response.json()["errors"][0]["reason"]


def test_hours_may_have_several_intervals_and_nights(client: TestClient, place: Location) -> None:
    hours = [
        {"weekday": 1, "opens": "09:00", "closes": "12:00"},
        {"weekday": 1, "opens": "13:00", "closes": "17:30"},
        {"weekday": 7, "opens": "22:00", "closes": "06:00"},
    ]
    days = [{"date": "2026-12-24", "intervals": [], "note": "Christmas"}]
    put = client.put(
        f"{API}working-hours/{place.id}/", json={"hours": hours, "exceptions": days}, headers={"If-Match": "*"}
    )
    assert (put.status_code, put.json()["hours"], put.json()["exceptions"]) == (200, hours, days)
    assert client.get(f"{API}working-hours/{place.id}/").json()["hours"] == hours
    duplicate = {"hours": [], "exceptions": [days[0], days[0]]}
    assert client.put(f"{API}working-hours/{place.id}/", json=duplicate, headers={"If-Match": "*"}).status_code == 422


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "localtime", "\0"])
def test_an_unknown_time_zone_is_refused(client: TestClient, zone: str) -> None:
    response = client.post(f"{API}locations/", json={"name": "x", "address": "y", "time_zone": zone})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "time_zone")


def test_an_inactive_location_is_hidden_from_the_public(client: TestClient, place: Location) -> None:
    gone = make_location(is_active=False)
    doctor = make_doctor(place, gone)
    paths = [f"{API}doctors/{doctor.id}/", f"{API}doctors/{doctor.id}/locations/"]
    assert [len(client.get(paths[0]).json()["locations"]), len(client.get(paths[1]).json())] == [2, 2]
    del client.headers["Authorization"]
    assert [len(client.get(paths[0]).json()["locations"]), len(client.get(paths[1]).json())] == [1, 1]
    assert len(client.get(f"{API}doctors/").json()["items"][0]["locations"]) == 1


def test_only_specialties_with_doctors_are_listed(client: TestClient, place: Location) -> None:
    make_doctor(place, specialty="Heart")
    make_doctor(place, specialty="Skin", is_active=False)
    unused = client.post(f"{API}specialties/", json={"name": "Eyes"}).json()
    assert names(client, "specialties/") == ["Heart"]
    assert names(client, "specialties/", unused=True) == ["Heart", "Skin", "Eyes"]
    assert client.post(f"{API}specialties/", json={"name": "eyes"}).status_code == 409
    assert client.patch(f"{API}specialties/{unused['id']}/", json={"name": "Heart"}).status_code == 409
    assert client.patch(f"{API}specialties/{unused['id']}/", json={"name": "Ears"}).json()["name"] == "Ears"
    assert client.delete(f"{API}specialties/{unused['id']}/").status_code == 204


def test_a_doctor_is_created_assigned_to_a_location_updated_and_deleted(client: TestClient, place: Location) -> None:
    specialty = client.post(f"{API}specialties/", json={"name": "Heart"}).json()
    body = {
        "name": "Dr. Rey",
        "specialty_id": specialty["id"],
        "price": 5000,
        "services": ["ECG"],
        "experience_years": 9,
    }
    made = client.post(f"{API}doctors/", json=body)
    assert (made.status_code, made.json()["locations"], made.json()["rating"]) == (201, [], None)
    path = made.headers["Location"].removeprefix(API)
    hours = [{"weekday": 1, "opens": "09:00", "closes": "12:00"}]
    put = client.put(f"{API}{path}locations/{place.id}/", json={"hours": hours})
    assert (put.status_code, put.json()["hours"], put.json()["location_name"]) == (200, hours, "Main building")
    again = client.put(f"{API}{path}locations/{place.id}/", json={"hours": []})
    assert [there["hours"] for there in client.get(f"{API}{path}locations/").json()] == [again.json()["hours"]] == [[]]
    late = {"If-Match": put.headers["ETag"]}
    assert client.put(f"{API}{path}locations/{place.id}/", json={"hours": []}, headers=late).status_code == 412
    assert [there["id"] for there in client.get(API + path).json()["locations"]] == [place.id]
    assert client.put(f"{API}{path}locations/99/", json={"hours": []}).status_code == 404
    assert client.put(f"{API}doctors/99/locations/{place.id}/", json={"hours": []}).status_code == 404
    assert client.delete(f"{API}locations/{place.id}/").status_code == 409
    assert change(client, path, price=6000, services=["MRT"]).json()["price"] == 6000
    assert change(client, path, specialty_id=99).json()["errors"][0]["field"] == "specialty_id"
    assert client.delete(f"{API}{path}locations/{place.id}/").status_code == 204
    assert client.delete(f"{API}{path}locations/{place.id}/").status_code == 404
    assert client.delete(API + path).status_code == 204
    assert client.get(API + path).status_code == 404


def test_doctors_are_filtered_searched_and_sorted(client: TestClient, place: Location) -> None:
    other = make_location()
    make_doctor(place, name="Anna Berg", specialty="Cardiology", price=100, services=["Echo"])
    make_doctor(place, other, name="Boris Orlov", specialty="Dermatology", price=300, about="Scars and moles")
    make_doctor(other, name="Clara Ruiz", specialty="Neurology", price=200, experience_years=30)
    make_doctor(place, name="Gone", is_active=False)
    del client.headers["Authorization"]
    every = ["Clara Ruiz", "Boris Orlov", "Anna Berg"]
    specialty = client.get(f"{API}specialties/").json()["items"][0]["id"]
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, every),
        ({"specialty_id": specialty}, ["Anna Berg"]),
        ({"location_id": other.id}, ["Clara Ruiz", "Boris Orlov"]),
        ({"min_price": 200}, ["Clara Ruiz", "Boris Orlov"]),
        ({"min_price": 150, "max_price": 250}, ["Clara Ruiz"]),
        ({"q": "ber"}, ["Anna Berg"]),
        ({"q": "mole scar"}, ["Boris Orlov"]),
        ({"q": "echo"}, ["Anna Berg"]),
        ({"q": "neuro"}, ["Clara Ruiz"]),
        ({"q": "zebra"}, []),
        ({"sort": "price"}, ["Anna Berg", "Clara Ruiz", "Boris Orlov"]),
        ({"sort": "price_down"}, ["Boris Orlov", "Clara Ruiz", "Anna Berg"]),
        ({"sort": "experience"}, every),
    ]
    for params, found in wanted:
        assert names(client, "doctors/", **params) == found, params
    refused: list[dict[str, Any]] = [{"q": "!!"}, {"min_rating": 7}, {"sort": "luck"}, {"min_price": -1}]
    for bad in refused:
        assert client.get(f"{API}doctors/", params=bad).status_code == 422


@pytest.mark.parametrize("sort", ["newest", "rating", "price", "price_down", "experience"])
def test_pages_contain_every_doctor_once_in_each_sort_order(client: TestClient, place: Location, sort: str) -> None:
    made = {make_doctor(place, price=n % 3 * 100, experience_years=n % 2).id for n in range(7)}
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, Any] = {"limit": 2, "sort": sort} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{API}doctors/", params=params).json()
        seen += [doctor["id"] for doctor in page["items"]]
        cursor = page["next"]
    assert (len(seen), set(seen)) == (7, made)


def test_forty_doctors_need_as_many_statements_as_two(anonymous: TestClient, seen: Seen) -> None:
    places: list[Location] = [make_location() for _ in range(4)]
    for _ in range(40):
        make_doctor(*places)
    counts = []
    for limit in (40, 2):
        seen.reset()
        assert len(anonymous.get("/api/v1/doctors/", params={"limit": limit}).json()["items"]) == limit
        counts.append(len(seen.statements))
    assert counts == [1, 1]


def rate(client: TestClient, doctor: Doctor, person: Person, booking_id: int, rating: int = 5) -> Any:
    body = {"booking_id": booking_id, "rating": rating, "text": "Kind"}
    return client.post(f"{API}doctors/{doctor.id}/reviews/", json=body, headers=person.headers)


def test_a_patient_reviews_a_doctor_once_after_a_visit(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    to_come = make_booking(doctor, place, patient, at(2)).id
    been = make_booking(doctor, place, patient, at(-2), status=BookingStatus.FULFILLED).id
    again = make_booking(doctor, place, patient, at(-1), status=BookingStatus.FULFILLED).id
    other = make_person(Role.STUDENT, name="Other")
    theirs = make_booking(doctor, place, other, at(-3), status=BookingStatus.FULFILLED).id
    elsewhere = make_booking(make_doctor(place), place, patient, at(-4), status=BookingStatus.FULFILLED).id
    tag = anonymous.get(f"{API}doctors/{doctor.id}/").headers["ETag"].partition("-")[0]
    assert rate(anonymous, doctor, patient, to_come).status_code == 409
    assert rate(anonymous, doctor, patient, elsewhere).status_code == 409
    assert rate(anonymous, doctor, patient, theirs).status_code == 404
    assert rate(anonymous, doctor, patient, been, rating=6).status_code == 422
    review = rate(anonymous, doctor, patient, been, rating=5)
    assert review.status_code == 201
    assert set(review.json()) == {"id", "doctor_id", "rating", "text", "created_at"}  # the author is not revealed
    assert rate(anonymous, doctor, patient, again).status_code == 409
    assert rate(anonymous, doctor, other, theirs, rating=4).status_code == 201
    shown = anonymous.get(f"{API}doctors/{doctor.id}/")
    assert (shown.json()["rating"], shown.json()["reviews_count"]) == (4.5, 2)
    assert shown.headers["ETag"].startswith(tag)  # a review does not change the version of the doctor
    assert names(anonymous, "doctors/", min_rating=4.5) == ["Dr. Rey"]
    assert names(anonymous, "doctors/", min_rating=4.6) == []
    assert [r["rating"] for r in anonymous.get(f"{API}doctors/{doctor.id}/reviews/").json()["items"]] == [4, 5]


def test_a_review_is_deleted_by_its_author(
    anonymous: TestClient, patient: Person, doctor: Doctor, place: Location
) -> None:
    booking = make_booking(doctor, place, patient, at(-2), status=BookingStatus.FULFILLED)
    review = rate(anonymous, doctor, patient, booking.id).json()
    other = make_person(Role.STUDENT, name="Other")
    assert anonymous.delete(f"{API}reviews/{review['id']}/", headers=other.headers).status_code == 403
    assert anonymous.delete(f"{API}reviews/{review['id']}/", headers=patient.headers).status_code == 204
    shown = anonymous.get(f"{API}doctors/{doctor.id}/").json()
    assert (shown["rating"], shown["reviews_count"]) == (None, 0)


def test_a_guest_reviews_a_doctor_with_the_link(anonymous: TestClient, doctor: Doctor, place: Location) -> None:
    from clinic.bookings.patients import link_key

    booking = make_booking(doctor, place, "gil@home.example", at(-2), status=BookingStatus.FULFILLED)
    body = {"booking_id": booking.id, "rating": 3}
    path = f"{API}doctors/{doctor.id}/reviews/"
    assert anonymous.post(path, json=body).status_code == 401
    assert anonymous.post(path, params={"key": "x"}, json=body).status_code == 404
    assert anonymous.post(path, params={"key": link_key("booking", booking.id)}, json=body).status_code == 201


def test_doctors_and_diagnostics_with_bookings_are_not_deleted(
    client: TestClient, admin: Person, doctor: Doctor, place: Location
) -> None:
    exam = make_diagnostic(place)
    make_booking(doctor, place, admin, at(2))
    make_booking(exam, place, admin, at(3))
    for path in (f"doctors/{doctor.id}/", f"diagnostics/{exam.id}/", f"diagnostics/{exam.id}/locations/{place.id}/"):
        response = client.delete(API + path)
        assert (response.status_code, "has bookings" in response.json()["detail"]) == (409, True)


def test_a_diagnostic_is_offered_at_locations_with_a_capacity(client: TestClient, place: Location) -> None:
    made = client.post(f"{API}diagnostics/", json={"name": "MRT", "price": 100, "preparation": "Eat nothing"})
    assert (made.status_code, made.json()["locations_count"]) == (201, 0)
    path = made.headers["Location"].removeprefix(API)
    put = client.put(f"{API}{path}locations/{place.id}/", json={"capacity": 3})
    assert (put.status_code, put.json()["capacity"], put.json()["name"]) == (200, 3, "Main building")
    include_inactive = make_location(is_active=False)
    client.put(f"{API}{path}locations/{include_inactive.id}/", json={"capacity": 1})
    assert client.get(API + path).json()["locations_count"] == 1
    assert [(there["id"], there["capacity"]) for there in client.get(f"{API}{path}locations/").json()] == [
        (place.id, 3),
        (include_inactive.id, 1),
    ]
    assert (names(client, "diagnostics/", location_id=place.id), names(client, "diagnostics/", location_id=99)) == (
        ["MRT"],
        [],
    )
    assert client.put(f"{API}{path}locations/99/", json={"capacity": 1}).status_code == 404
    assert client.put(f"{API}{path}locations/{place.id}/", json={"capacity": -1}).status_code == 422
    assert change(client, path, duration_minutes=45).json()["duration_minutes"] == 45
    assert client.delete(f"{API}{path}locations/{place.id}/").status_code == 204
    assert client.delete(API + path).status_code == 204


def test_reducing_the_capacity_reassigns_bookings_or_is_refused(
    client: TestClient, admin: Person, place: Location
) -> None:
    exam = make_diagnostic(place, room_for=2)
    path = f"{API}diagnostics/{exam.id}/locations/{place.id}/"
    first, _second, _third = (book_exam(client, exam, place, n, day) for n, day in enumerate((2, 2, 3)))
    refused = client.put(path, json={"capacity": 1})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "capacity")
    assert client.get(f"{API}diagnostics/{exam.id}/locations/").json()[0]["capacity"] == 2
    staff = make_person(Role.STAFF)
    cancelled = client.post(f"{API}bookings/{first}/cancel/", json={}, headers=staff.headers)
    assert cancelled.status_code == 200
    # The second booking moves to the first station.
    assert client.put(path, json={"capacity": 1}).json()["capacity"] == 1
    for day, status in ((2, 409), (3, 409), (4, 201)):
        assert request_exam(client, exam, place, 9, day).status_code == status


def test_an_expired_hold_does_not_prevent_a_smaller_capacity(client: TestClient, place: Location) -> None:
    exam = make_diagnostic(place, room_for=2)
    body = {"diagnostic_id": exam.id, "location_id": place.id, "starts_at": at(2).isoformat()}
    assert client.post(f"{API}holds/", json=body).status_code == 201
    book_exam(client, exam, place, 1, 2)
    end_holds()
    path = f"{API}diagnostics/{exam.id}/locations/{place.id}/"
    assert client.put(path, json={"capacity": 1}).json()["capacity"] == 1


def request_exam(client: TestClient, exam: Diagnostic, place: Location, n: int, day: int) -> Any:
    body = {"diagnostic_id": exam.id, "location_id": place.id, "starts_at": at(day).isoformat()}
    person = make_person(Role.STUDENT, name=f"p{n}-{day}")
    return client.post(f"{API}bookings/", json=body, headers=person.headers)


def book_exam(client: TestClient, exam: Diagnostic, place: Location, n: int, day: int) -> int:
    return int(request_exam(client, exam, place, n, day).json()["id"])


def test_photos_are_cropped_to_squares(client: TestClient, place: Location, run_jobs: Callable[[], list[Job]]) -> None:
    image = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(image, "PNG")
    for path in (f"doctors/{make_doctor(place).id}/", f"diagnostics/{make_diagnostic(place).id}/"):
        accepted = client.post(f"{API}{path}photo/", files={"file": image.getvalue()})
        assert accepted.status_code == 202
        run_jobs()
        shown = client.get(API + path).json()
        made = client.get(shown["photo_small_url"].removeprefix("http://testserver"))
        assert Image.open(io.BytesIO(made.content)).size == (96, 96)
        assert client.delete(f"{API}{path}photo/").status_code == 204
        assert client.get(API + path).json()["photo_url"] is None
        assert client.post(f"{API}{path}photo/", files={"file": b"no picture at all"}).status_code == 415
    assert client.post(f"{API}doctors/99/photo/", files={"file": image.getvalue()}).status_code == 404
