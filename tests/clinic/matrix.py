"""The expected status of each route of the clinic for each kind of caller."""

import datetime as dt

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from clinic.bookings.models import BookingStatus
from clinic.doctors import crud as doctors
from conf.db.dependencies import with_db_session
from tests.clinic.factory import (
    GUEST,
    at,
    make_booking,
    make_diagnostic,
    make_doctor,
    make_hold,
    make_location,
    make_result,
    make_waiting,
)
from tests.matrix import V1, Case, anyone, everyone, only, signed_in
from tests.people import Person

EDITORS = ("staff", "admin")
PATIENT = ("owner", "staff")
"""Who may see a patient's data: the patient and staff, but not admins."""
ANY = {"If-Match": "*"}
PLACE, DOCTOR, EXAM = (f"{V1}/{name}/" for name in ("locations/{place}", "doctors/{doctor}", "diagnostics/{exam}"))
BOOKING, OFFERED, DONE, RESULT = (
    f"{V1}/{name}/" for name in ("bookings/{booking}", "bookings/{offered}", "bookings/{done}", "results/{result}")
)
SLOT = {"doctor_id": "{doctor}", "location_id": "{place}", "starts_at": "{free}"}
PICTURE = {"file": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png")}
PDF = {"file": ("a.pdf", b"%PDF-1.4\n", "application/pdf")}
RULES = {"name": "Dr. B", "price": 100}

ROWS = {
    "list_locations": Case(f"{V1}/locations/", anyone()),
    "create_location": Case(
        f"{V1}/locations/",
        only(*EDITORS, status=201),
        json={"name": "B", "address": "Street 2", "time_zone": "Europe/Berlin"},
    ),
    "get_location": Case(PLACE, anyone()),
    "update_location": Case(PLACE, only(*EDITORS), json={"name": "C"}, headers=ANY),
    "delete_location": Case(f"{V1}/locations/{{empty}}/", only(*EDITORS, status=204)),
    "get_working_hours": Case(f"{V1}/working-hours/{{place}}/", anyone()),
    "put_working_hours": Case(f"{V1}/working-hours/{{place}}/", only(*EDITORS), json={"hours": []}, headers=ANY),
    "list_specialties": Case(f"{V1}/specialties/", everyone()),
    "create_specialty": Case(f"{V1}/specialties/", only(*EDITORS, status=201), json={"name": "Eyes"}),
    "get_specialty": Case(f"{V1}/specialties/{{specialty}}/", everyone()),
    "update_specialty": Case(f"{V1}/specialties/{{specialty}}/", only(*EDITORS), json={"name": "Ears"}),
    "delete_specialty": Case(f"{V1}/specialties/{{unused}}/", only(*EDITORS, status=204)),
    "list_doctors": Case(f"{V1}/doctors/", anyone()),
    "create_doctor": Case(f"{V1}/doctors/", only(*EDITORS, status=201), json=RULES | {"specialty_id": "{specialty}"}),
    "get_doctor": Case(DOCTOR, anyone()),
    "update_doctor": Case(DOCTOR, only(*EDITORS), json={"price": 1}, headers=ANY),
    "delete_doctor": Case(f"{V1}/doctors/{{idle}}/", only(*EDITORS, status=204)),
    "upload_doctor_photo": Case(f"{DOCTOR}photo/", only(*EDITORS, status=202), files=PICTURE),
    "delete_doctor_photo": Case(f"{DOCTOR}photo/", only(*EDITORS, status=204)),
    "list_doctor_locations": Case(f"{DOCTOR}locations/", anyone()),
    "put_doctor_location": Case(f"{DOCTOR}locations/{{empty}}/", only(*EDITORS), json={"hours": []}),
    "delete_doctor_location": Case(f"{DOCTOR}locations/{{place}}/", only(*EDITORS, status=204)),
    "list_reviews": Case(f"{DOCTOR}reviews/", anyone()),
    "create_review": Case(
        f"{DOCTOR}reviews/",
        only("owner", status=201, others=404) | {"staff": 403},
        json={"booking_id": "{seen}", "rating": 5},
    ),
    "delete_review": Case(f"{V1}/reviews/{{review}}/", only("owner", *EDITORS, status=204)),
    "list_diagnostics": Case(f"{V1}/diagnostics/", anyone()),
    "create_diagnostic": Case(f"{V1}/diagnostics/", only(*EDITORS, status=201), json=RULES),
    "get_diagnostic": Case(EXAM, anyone()),
    "update_diagnostic": Case(EXAM, only(*EDITORS), json={"price": 1}, headers=ANY),
    "delete_diagnostic": Case(f"{V1}/diagnostics/{{unasked}}/", only(*EDITORS, status=204)),
    "upload_diagnostic_photo": Case(f"{EXAM}photo/", only(*EDITORS, status=202), files=PICTURE),
    "delete_diagnostic_photo": Case(f"{EXAM}photo/", only(*EDITORS, status=204)),
    "list_diagnostic_locations": Case(f"{EXAM}locations/", anyone()),
    "put_diagnostic_location": Case(f"{EXAM}locations/{{empty}}/", only(*EDITORS), json={"capacity": 2}),
    "delete_diagnostic_location": Case(
        f"{V1}/diagnostics/{{unasked}}/locations/{{place}}/", only(*EDITORS, status=204)
    ),
    "list_doctor_slots": Case(f"{V1}/slots/doctors/{{doctor}}/?location_id={{place}}", everyone()),
    "list_diagnostic_slots": Case(f"{V1}/slots/diagnostics/{{exam}}/?location_id={{place}}", everyone()),
    "confirm_page": Case("/bookings/confirm/", everyone()),
    "confirm_script": Case("/bookings/confirm/confirm.js", everyone()),
    "create_hold": Case(f"{V1}/holds/", anyone(201), json=SLOT),
    "delete_hold": Case(f"{V1}/holds/{{hold}}/", everyone(204)),
    "create_booking": Case(  # an account other than staff may not send another e-mail
        f"{V1}/bookings/", anyone(403) | {"anonymous": 201, "staff": 201}, json=SLOT | GUEST
    ),
    "list_bookings": Case(f"{V1}/bookings/", signed_in()),
    "get_booking": Case(BOOKING, only(*PATIENT, others=404)),
    "get_booking_history": Case(f"{BOOKING}history/", only(*PATIENT, others=404)),
    "get_booking_calendar": Case(f"{BOOKING}calendar.ics", only(*PATIENT, others=404)),
    "confirm_booking": Case(f"{OFFERED}confirm/", only(*PATIENT, others=404)),
    "reschedule_booking": Case(f"{BOOKING}reschedule/", only(*PATIENT, others=404), json={"starts_at": "{free}"}),
    "cancel_booking": Case(f"{BOOKING}cancel/", only(*PATIENT, others=404), json={"reason": "ill"}),
    "note_booking_status": Case(f"{DONE}status/", only("staff"), json={"status": "arrived"}),
    "join_waiting_list": Case(
        f"{V1}/waiting/",
        anyone(403) | {"anonymous": 201, "staff": 201},
        json={"diagnostic_id": "{exam}", "location_id": "{place}", "first_day": "{day}", "last_day": "{day}"} | GUEST,
    ),
    "list_waiting": Case(f"{V1}/waiting/", signed_in()),
    "leave_waiting_list": Case(f"{V1}/waiting/{{waiting}}/", only(*PATIENT, status=204, others=404)),
    "add_result": Case(f"{DONE}results/", only("staff", status=202), files=PDF),
    "list_results": Case(f"{DONE}results/", only(*PATIENT, others=404)),
    "create_result_link": Case(f"{RESULT}link/", only(*PATIENT, others=404), json={"preview": False}),
    "get_result_file": Case(f"{RESULT}file/?grant=nonsense", everyone(403)),
    "delete_result": Case(RESULT, only("staff", status=204)),
}


@with_db_session
def _review(doctor_id: int, patient: Person, *, db: Session) -> int:
    return doctors.create_review(db, doctor_id=doctor_id, patient_key=patient.id, rating=4, text="").id


def make_rows(_api: TestClient, owner: Person) -> dict[str, object]:
    place = make_location()
    doctor, other, idle = (make_doctor(place, specialty=name) for name in ("Heart", "Skin", "Lungs"))
    exam = make_diagnostic(place, room_for=3)
    free = at(3)
    until = at(0) + dt.timedelta(days=2)
    done = make_booking(exam, place, owner, at(-2), status=BookingStatus.FULFILLED)
    return {
        "place": place.id,
        "empty": make_location(name="Empty").id,
        "specialty": doctor.specialty_id,
        "unused": _unused_specialty(),
        "doctor": doctor.id,
        "idle": idle.id,
        "review": _review(other.id, owner),
        "exam": exam.id,
        "diagnostic": exam.id,
        "location": place.id,
        "unasked": make_diagnostic(place).id,
        "free": free.isoformat(),
        "day": free.date().isoformat(),
        "hold": make_hold(other, place, free),
        "booking": make_booking(doctor, place, owner, at(2)).id,
        "offered": make_booking(other, place, owner, at(4), status=BookingStatus.PENDING, held_until=until).id,
        "seen": make_booking(doctor, place, owner, at(-1), status=BookingStatus.FULFILLED).id,
        "done": done.id,
        "result": make_result(done).id,
        "waiting": make_waiting(other, place, owner).id,
    }


@with_db_session
def _unused_specialty(*, db: Session) -> int:
    return doctors.create_specialty(db, name="Unused").id
