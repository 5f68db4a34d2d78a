import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pypdfium2
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from clinic.bookings.models import Booking, BookingStatus
from clinic.locations.models import Location
from clinic.results import links
from conf._celery.models import Job
from conf.settings import Settings
from conf.storage import store
from iam.roles import Role
from tests.clinic.factory import at, make_booking, make_diagnostic, make_doctor
from tests.people import Person, make_person

RESULTS = "/api/v1/results/"
RunJobs = Callable[[], list[Job]]


def pdf(pages: int = 2) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(595, 842)
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def picture(kind: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(made, kind)
    return made.getvalue()


@pytest.fixture
def booking(patient: Person, place: Location) -> Booking:
    return make_booking(make_diagnostic(place), place, patient, at(-1), status=BookingStatus.FULFILLED)


def add(client: TestClient, staff: Person, booking: Booking, content: bytes, **params: str) -> Any:
    path = f"/api/v1/bookings/{booking.id}/results/"
    return client.post(path, params=params, files={"file": content}, headers=staff.headers)


def listed(client: TestClient, person: Person, booking: Booking) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/bookings/{booking.id}/results/", headers=person.headers).json()
    return found


def download(client: TestClient, person: Person, result_id: int, **body: Any) -> Any:
    link = client.post(f"{RESULTS}{result_id}/link/", json=body, headers=person.headers)
    assert link.status_code == 200, link.text
    assert link.headers["Cache-Control"] == "no-store"
    return client.get(link.json()["url"].removeprefix("http://testserver"))


def audited(client: TestClient, what: str) -> list[dict[str, Any]]:
    admin = make_person(Role.ADMIN, name=f"auditor-{time.monotonic_ns()}")
    found: list[dict[str, Any]] = client.get("/api/v1/audit/", params={"what": what}, headers=admin.headers).json()[
        "items"
    ]
    return found


def test_a_result_is_checked_and_the_patient_is_notified_and_reads_it(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    booking: Booking,
    run_jobs: RunJobs,
    mails: Callable[[], list[str]],
) -> None:
    content = pdf(pages=3)
    added = add(anonymous, staff, booking, content, title="Blood count")
    assert (added.status_code, added.json()["status"]) == (202, "checking")
    result_id = added.json()["id"]
    assert listed(anonymous, patient, booking) == []  # not visible before the check
    assert anonymous.post(f"{RESULTS}{result_id}/link/", json={}, headers=patient.headers).status_code == 404
    assert anonymous.post(f"{RESULTS}{result_id}/link/", json={}, headers=staff.headers).status_code == 409
    run_jobs()
    (result,) = listed(anonymous, patient, booking)
    assert (result["title"], result["pages"], result["size_bytes"]) == ("Blood count", 3, len(content))
    assert ["result of your visit" in letter for letter in mails()] == [True]

    file = download(anonymous, patient, result_id)
    assert (file.content, file.headers["Content-Type"]) == (content, "application/pdf")
    assert file.headers["Content-Disposition"] == 'attachment; filename="result.pdf"'
    assert file.headers["Cache-Control"] == "private, no-store"
    preview = download(anonymous, staff, result_id, preview=True)
    assert Image.open(io.BytesIO(preview.content)).size == (848, 1200)
    assert [
        (e["actor_id"], e["subject_id"], e["details"]["preview"]) for e in audited(anonymous, "result_downloaded")
    ] == [
        (staff.id, patient.id, True),
        (patient.id, patient.id, False),
    ]
    assert len(audited(anonymous, "result_added")) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_result_may_be_a_picture(
    anonymous: TestClient, staff: Person, booking: Booking, run_jobs: RunJobs, kind: str
) -> None:
    result_id = add(anonymous, staff, booking, picture(kind)).json()["id"]
    run_jobs()
    (result,) = listed(anonymous, staff, booking)
    assert (result["status"], result["media_type"], result["pages"]) == ("ready", f"image/{kind.lower()}", 1)
    assert Image.open(io.BytesIO(download(anonymous, staff, result_id, preview=True).content)).size == (1200, 800)


def test_the_preview_of_a_16_bit_picture_keeps_its_greys(
    anonymous: TestClient, staff: Person, booking: Booking, run_jobs: RunJobs
) -> None:
    """X-rays are often stored with 16 bits per pixel."""
    made, greys = io.BytesIO(), Image.new("I;16", (256, 10))
    for x in range(256):
        for y in range(10):
            greys.putpixel((x, y), x * 256)
    greys.save(made, "PNG")
    result_id = add(anonymous, staff, booking, made.getvalue()).json()["id"]
    run_jobs()
    preview = Image.open(io.BytesIO(download(anonymous, staff, result_id, preview=True).content)).convert("L")
    assert [abs(preview.getpixel((x, 5)) - x) < 8 for x in (5, 100, 200)] == [True] * 3  # type: ignore[operator]


@pytest.mark.parametrize("content", [b"GIF89a" + bytes(100), b"<html></html>", b"MZ" + bytes(100), b"RIFF" + bytes(20)])
def test_an_unsupported_type_of_file_is_refused_on_upload(
    anonymous: TestClient, staff: Person, booking: Booking, content: bytes, stored: Callable[[], list[str]]
) -> None:
    assert add(anonymous, staff, booking, content).status_code == 415
    assert (listed(anonymous, staff, booking), stored()) == ([], [])


@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + bytes(300), picture()[:200], b"%PDF-"])
def test_a_damaged_file_is_refused_by_the_check_and_deleted(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    booking: Booking,
    content: bytes,
    run_jobs: RunJobs,
    stored: Callable[[], list[str]],
    mails: Callable[[], list[str]],
) -> None:
    add(anonymous, staff, booking, content)
    run_jobs()
    (result,) = listed(anonymous, staff, booking)
    assert (result["status"], "damaged" in result["error"]) == ("refused", True)
    assert (listed(anonymous, patient, booking), stored(), mails()) == ([], [], [])


def test_results_need_a_fulfilled_booking_of_a_diagnostic(
    anonymous: TestClient, patient: Person, staff: Person, place: Location
) -> None:
    to_come = make_booking(make_diagnostic(place), place, patient, at(2))
    visit = make_booking(make_doctor(place), place, patient, at(-1), status=BookingStatus.FULFILLED)
    for booking in (to_come, visit):
        assert add(anonymous, staff, booking, pdf()).status_code == 409


def test_a_link_is_valid_for_one_result_and_five_minutes(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    booking: Booking,
    run_jobs: RunJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = (add(anonymous, staff, booking, pdf()).json()["id"] for _ in range(2))
    run_jobs()
    grant = links.link(result_id=first, preview=False, actor_id=patient.id)[0].partition("grant=")[2]
    preview, actor, expires, signature = grant.split(".")
    assert anonymous.get(f"{RESULTS}{first}/file/", params={"grant": grant}).status_code == 200
    for result_id, wrong in (
        (second, grant),
        (first, f"1.{actor}.{expires}.{signature}"),
        (first, f"{preview}.{staff.id}.{expires}.{signature}"),
        (first, f"{preview}.{actor}.{int(expires) + 9}.{signature}"),
        (first, "...ü"),
    ):
        assert anonymous.get(f"{RESULTS}{result_id}/file/", params={"grant": wrong}).status_code == 403
    monkeypatch.setattr("clinic.results.links.time.time", lambda: int(expires))
    late = anonymous.get(f"{RESULTS}{first}/file/", params={"grant": grant})
    assert (late.status_code, "expired" in late.json()["detail"]) == (403, True)


def test_a_guest_reads_a_result_with_the_link_of_the_booking(
    anonymous: TestClient, staff: Person, place: Location, run_jobs: RunJobs, mails: Callable[[], list[str]]
) -> None:
    booking = make_booking(make_diagnostic(place), place, "gil@home.example", at(-1), status=BookingStatus.FULFILLED)
    result_id = add(anonymous, staff, booking, pdf()).json()["id"]
    run_jobs()
    key = mails()[0].partition("?key=")[2].split()[0]
    link = anonymous.post(f"{RESULTS}{result_id}/link/", params={"key": key}, json={})
    assert anonymous.get(link.json()["url"].removeprefix("http://testserver")).status_code == 200
    assert anonymous.post(f"{RESULTS}{result_id}/link/", params={"key": "x"}, json={}).status_code == 404
    assert audited(anonymous, "result_downloaded")[0]["actor_id"] is None


def test_deleting_a_result_deletes_its_files_and_is_audited(
    anonymous: TestClient,
    patient: Person,
    staff: Person,
    booking: Booking,
    run_jobs: RunJobs,
    stored: Callable[[], list[str]],
) -> None:
    result_id = add(anonymous, staff, booking, pdf()).json()["id"]
    run_jobs()
    url = anonymous.post(f"{RESULTS}{result_id}/link/", json={}, headers=patient.headers).json()["url"]
    assert anonymous.delete(f"{RESULTS}{result_id}/", headers=staff.headers).status_code == 204
    run_jobs()
    assert (listed(anonymous, staff, booking), stored()) == ([], [])
    assert anonymous.get(url.removeprefix("http://testserver")).status_code == 404
    assert audited(anonymous, "result_deleted")[0]["details"]["result_id"] == result_id


def test_a_result_can_be_deleted_before_it_is_checked(
    anonymous: TestClient, staff: Person, booking: Booking, run_jobs: RunJobs, stored: Callable[[], list[str]]
) -> None:
    result_id = add(anonymous, staff, booking, pdf()).json()["id"]
    assert anonymous.delete(f"{RESULTS}{result_id}/", headers=staff.headers).status_code == 204
    run_jobs()
    assert stored() == []


@pytest.fixture
def s3(s3_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Store files in S3."""
    monkeypatch.setattr(store, "get_settings", lambda: s3_settings)
    store.storage.cache_clear()
    yield
    monkeypatch.undo()
    store.storage.cache_clear()


def test_with_s3_the_link_redirects_to_a_url_that_is_valid_for_a_minute(
    anonymous: TestClient, s3: None, patient: Person, staff: Person, booking: Booking, run_jobs: RunJobs
) -> None:
    content = pdf()
    result_id = add(anonymous, staff, booking, content).json()["id"]
    run_jobs()
    link = anonymous.post(f"{RESULTS}{result_id}/link/", json={}, headers=patient.headers).json()["url"]
    response = anonymous.get(link.removeprefix("http://testserver"), follow_redirects=False)
    assert (response.status_code, response.headers["Cache-Control"]) == (307, "private, no-store")
    assert "X-Amz-Expires=60" in response.headers["Location"]
    assert httpx.get(response.headers["Location"], trust_env=False).content == content
    assert len(audited(anonymous, "result_downloaded")) == 1
