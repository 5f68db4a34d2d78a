"""Demo data of the clinic: the same on every run, except that the dates are relative to today."""

import datetime as dt
import random
from typing import Any

from rich.console import Console
from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.orm import Session

from clinic.bookings import capacity, patients, targets, times
from clinic.bookings.models import Booking, BookingEvent, BookingStatus
from clinic.bookings.patients import Contact
from clinic.bookings.slots import Slot
from clinic.bookings.targets import Target
from clinic.diagnostics import crud as diagnostics
from clinic.doctors import crud as doctors
from clinic.doctors.models import Doctor, Review
from clinic.locations import crud as locations
from clinic.locations.calendar import DAY, Interval
from clinic.locations.models import Location
from conf.db.dependencies import with_db_session
from conf.values import ANY
from iam.demo import email_of
from iam.roles import Identity, Role
from iam.users import crud as users

LOCATIONS = (
    ("Campus Health Centre", "Park Street 1, Berlin", "Europe/Berlin"),
    ("North Campus Practice", "Harbour Road 12, Hamburg", "Europe/Berlin"),
    ("Riverside Clinic", "Thames Walk 7, London", "Europe/London"),
    ("Hillside Surgery", "Castle Hill 3, Edinburgh", "Europe/London"),
    ("Old Town Clinic", "Rua Nova 21, Lisbon", "Europe/Lisbon"),
    ("Seaside Practice", "Strand 5, Helsinki", "Europe/Helsinki"),
)
SPECIALTIES: dict[str, tuple[int, tuple[str, ...]]] = {
    "General practice": (4000, ("Check-up", "Vaccination", "Sick note", "Travel advice")),
    "Cardiology": (9000, ("ECG", "Echocardiography", "Blood pressure over 24 hours")),
    "Dermatology": (7000, ("Mole check", "Acne treatment", "Allergy test")),
    "Orthopaedics": (8000, ("Back pain", "Sports injuries", "Insoles")),
    "Ophthalmology": (6500, ("Eye test", "Contact lenses", "Glaucoma check")),
    "Gynaecology": (7500, ("Cancer screening", "Contraception", "Pregnancy care")),
    "Neurology": (9500, ("Migraine", "Sleep disorders", "Nerve conduction")),
    "Psychotherapy": (8500, ("First consultation", "Stress and sleep", "Exam nerves")),
    "Dentistry": (6000, ("Check-up", "Cleaning", "Fillings")),
    "Ear, nose and throat": (7000, ("Hearing test", "Hay fever", "Voice")),
}
FIRST_NAMES = (
    "Anna Bruno Clara David Elena Farid Greta Hugo Ines Jonas Kira Leon Mara Nils Olga Paul Rosa Samir Tara Yuki"
)
LAST_NAMES = (
    "Adler Berg Costa Duarte Eriksen Fischer Grant Haas Ivanova Jensen "
    "Keller Lindqvist Moreau Novak Okafor Petrov Quinn Rossi Schmidt Tanaka "
    "Urban Virtanen Weber Yilmaz Zhang Almeida Brandt Clarke Dietrich Evans "
    "Ferrari Garcia Hoffmann Iversen Jung Kowalski Larsen Meyer Nguyen Oliveira"
)
DIAGNOSTICS = (
    ("Blood count", "A count of the cells in the blood.", "Do not have breakfast.", 2500, 10, 3),
    ("Cholesterol", "The fats in the blood.", "Eat nothing for twelve hours.", 2000, 10, 3),
    ("Blood sugar", "Fasting, or over two hours.", "Eat nothing for eight hours.", 1800, 10, 2),
    ("Urine test", "Quick test and sediment.", "The first urine of the day is best.", 1500, 10, 2),
    ("ECG", "The electrical activity of the heart at rest.", "", 4500, 20, 1),
    ("Stress ECG", "The activity of the heart during exercise on a bicycle.", "Bring sports clothes.", 9000, 40, 1),
    ("Ultrasound of the abdomen", "Liver, kidneys, spleen.", "Eat nothing for six hours.", 8000, 30, 1),
    ("Ultrasound of the thyroid", "Size and nodules.", "", 6000, 20, 1),
    ("X-ray of the chest", "Heart and lungs.", "Leave jewellery at home.", 7000, 15, 1),
    ("MRI of the knee", "Cartilage, ligaments, menisci.", "Tell us about any metal in your body.", 32000, 45, 1),
    ("Lung function", "How much, and how fast, you breathe.", "Do not smoke for four hours.", 5500, 30, 2),
    ("Allergy test", "Twenty common allergens on the skin.", "No antihistamines for three days.", 6500, 40, 2),
)
REVIEW_TEXTS = (
    "Took time and explained everything.",
    "On time and kind.",
    "Helped at once.",
    "A long wait, a good doctor.",
    "",
)
STAFF = Identity(user_id=0, role=Role.STAFF, session_id=0)
PATIENTS = 400
PAST_DAYS, COMING_DAYS = 30, 14
BUSY_DOCTOR, BUSY_STATION = 0.2, 0.05
"""The share of slots that are booked."""
PAST_STATUS = {BookingStatus.FULFILLED: 85, BookingStatus.CANCELLED: 10, BookingStatus.NOSHOW: 5}
COMING_STATUS = {BookingStatus.BOOKED: 95, BookingStatus.CANCELLED: 5}
RATED = 0.4
"""The share of patients who review a doctor after a visit."""
STARS = {5: 60, 4: 25, 3: 10, 2: 3, 1: 2}


def demonstrate(_url: str, console: Console) -> None:
    """Fill the database with demo data, unless the clinic already has locations."""
    summary = fill()
    if summary is None:
        console.print("  The clinic already has locations. No demo data was added.\n")
        return
    console.print(f"  The clinic: {summary}.\n")


@with_db_session
def fill(*, db: Session) -> str | None:
    """Create the demo data. Return a summary of it, or None if there are locations already."""
    if db.scalar(select(exists().select_from(Location))):
        return None
    rng = random.Random(1)  # noqa: S311
    places = _locations(db)
    made = _bookings(db, rng, [*_doctors(db, rng, places), *_diagnostics(db, rng, places)])
    reviews = _reviews(db, rng)
    count = f"{len(LOCATIONS)} locations, {len(LAST_NAMES.split())} doctors, {len(DIAGNOSTICS)} diagnostics"
    return f"{count}, {made} bookings, {reviews} reviews"


def _hours(opens: str, closes: str, *, days: range = range(1, 6)) -> list[dict[str, Any]]:
    return [{"weekday": day, "opens": opens, "closes": closes} for day in days]


def _holidays(year: int) -> list[dict[str, Any]]:
    """Return the exceptions of a year: closed on public holidays, open in the morning of 31 December."""
    closed = {"01-01": "New Year's Day", "05-01": "Labour Day", "12-25": "Christmas", "12-26": "Christmas"}
    days = [{"date": f"{year}-{day}", "intervals": [], "note": note} for day, note in closed.items()]
    morning = {"opens": "08:00", "closes": "12:00"}
    return [*days, {"date": f"{year}-12-31", "intervals": [morning], "note": "New Year's Eve"}]


def _locations(db: Session) -> list[Location]:
    """Create the locations: open from Monday to Friday, half of them also on Saturday mornings.

    Their exceptions are the holidays of last year, this year and next year.
    """
    year = dt.datetime.now(dt.UTC).year
    holidays = [day for near in (year - 1, year, year + 1) for day in _holidays(near)]
    return [
        locations.create(
            db,
            name=name,
            address=address,
            time_zone=zone,
            hours=_hours("08:00", "19:00") + (_hours("09:00", "13:00", days=range(6, 7)) if n % 2 == 0 else []),
            exceptions=holidays,
        )
        for n, (name, address, zone) in enumerate(LOCATIONS)
    ]


def _doctors(db: Session, rng: random.Random, places: list[Location]) -> list[Target]:
    """Create the doctors. Each works at one location in the morning, and some at a second one in the afternoon."""
    specialties = {name: doctors.create_specialty(db, name=name) for name in SPECIALTIES}
    made = []
    for n, last_name in enumerate(LAST_NAMES.split()):
        kind = list(SPECIALTIES)[n % len(SPECIALTIES)]
        price, services = SPECIALTIES[kind]
        years = rng.randint(3, 35)
        doctor = doctors.create(
            db,
            name=f"Dr. {FIRST_NAMES.split()[n % 20]} {last_name}",
            specialty_id=specialties[kind].id,
            about=f"{kind} for {years} years.",
            price=price + rng.randrange(0, 30) * 100,
            experience_years=years,
            certificates=[f"{kind}, {dt.datetime.now(dt.UTC).year - years}"],
            services=rng.sample(services, k=len(services) - 1),
            duration_minutes=(kind == "Psychotherapy" and 50) or rng.choice((20, 25)),
            interval_minutes=(kind == "Psychotherapy" and 60) or 30,
            buffer_minutes=5,
            notice_minutes=120,
            horizon_days=90,
            deadline_minutes=24 * 60,
        )
        # The two locations of a doctor are in the same country.
        homes = rng.choice((places[:2], places[2:4])) if n % 2 else [rng.choice(places)]
        for home, hours in zip(homes, (_hours("08:00", "13:00"), _hours("14:00", "18:00")), strict=False):
            doctors.put_location(db, doctor_id=doctor.id, location_id=home.id, expected=ANY, hours=hours, exceptions=[])
            made.append(targets.get(db, doctor_id=doctor.id, diagnostic_id=None, location_id=home.id))
    return made


def _diagnostics(db: Session, rng: random.Random, places: list[Location]) -> list[Target]:
    made = []
    for name, description, preparation, price, minutes, room in DIAGNOSTICS:
        exam = diagnostics.create(
            db,
            name=name,
            description=description,
            preparation=preparation,
            price=price,
            duration_minutes=minutes,
            interval_minutes=max(30, minutes + 5),
            buffer_minutes=5,
            notice_minutes=60,
            horizon_days=60,
            deadline_minutes=12 * 60,
        )
        for place in rng.sample(places, k=rng.randint(2, 4)):
            capacity.put(db, diagnostic_id=exam.id, location_id=place.id, capacity=room)
            made.append(targets.get(db, doctor_id=None, diagnostic_id=exam.id, location_id=place.id))
    return made


def _patients(db: Session) -> list[dict[str, Any]]:
    """Return the columns of `Patient` for the demo student and for guests."""
    student = users.by_email(db, email=email_of(Role.STUDENT))
    account = [patients.patient_columns(db, Contact(patient_id=student.id), STAFF)] if student else []
    names = [(first, last) for last in LAST_NAMES.split() for first in FIRST_NAMES.split()][:PATIENTS]
    guests = [
        Contact(f"{first} {last}", f"{first}.{last}@patients.example".lower(), f"+49 30 {5550000 + n}")
        for n, (first, last) in enumerate(names)
    ]
    return account + [patients.patient_columns(db, guest, None) for guest in guests]


def _bookings(db: Session, rng: random.Random, bookable: list[Target]) -> int:
    """Create bookings without overlaps. Return their number."""
    people = _patients(db)
    taken: dict[tuple[str, int], list[Interval]] = {}
    rows = []
    now = times.now().timestamp()
    for target in bookable:
        today = times.today(target)
        share = BUSY_DOCTOR if target.doctor_id else BUSY_STATION
        for day in range(-PAST_DAYS, COMING_DAYS):
            for slot in target.grid.on(today + day * DAY):
                if rng.random() < share and (row := _booking(rng, target, slot, people, taken)):
                    weights = PAST_STATUS if slot.end < now else COMING_STATUS
                    row["status"] = rng.choices(list(weights), weights=list(weights.values()))[0]
                    rows.append(row)
    booking_ids = db.scalars(insert(Booking).returning(Booking.id, sort_by_parameter_order=True), rows).all()
    events = [
        {"booking_id": booking_id, **{name: row[name] for name in ("status", "starts_at", "location_id")}}
        for booking_id, row in zip(booking_ids, rows, strict=True)
    ]
    db.execute(insert(BookingEvent), events)
    return len(booking_ids)


def _booking(
    rng: random.Random,
    target: Target,
    slot: Slot,
    people: list[dict[str, Any]],
    taken: dict[tuple[str, int], list[Interval]],
) -> dict[str, Any] | None:
    """Return the columns of a booking of the slot by a random patient, or None if it would overlap another booking."""
    person = rng.choice(people)
    station_id = rng.choice(target.stations) if target.stations else None
    resource = ("doctor", target.doctor_id) if target.doctor_id else ("station", station_id or 0)
    patient = ("patient", person["patient_key"])
    span = Interval(slot.start, slot.end + target.buffer_s)
    for one in (resource, patient):
        if any(span.start < other.end and other.start < span.end for other in taken.get(one, ())):
            return None
    for one in (resource, patient):
        taken.setdefault(one, []).append(span)
    return {**times.columns_of(target, slot), **person, "station_id": station_id, "price": target.price, "message": ""}


def _reviews(db: Session, rng: random.Random) -> int:
    """Create reviews by some of the patients with a fulfilled booking, one per doctor. Return their number."""
    visits = select(Booking.doctor_id, Booking.patient_key).distinct().order_by(Booking.doctor_id, Booking.patient_key)
    visits = visits.where(Booking.status == BookingStatus.FULFILLED, Booking.doctor_id.is_not(None))
    rows = [
        {
            "doctor_id": row.doctor_id,
            "patient_key": row.patient_key,
            "rating": rng.choices(list(STARS), weights=list(STARS.values()))[0],
            "text": rng.choice(REVIEW_TEXTS),
        }
        for row in db.execute(visits)
        if rng.random() < RATED
    ]
    db.execute(insert(Review), rows)
    sums = select(func.sum(Review.rating)).where(Review.doctor_id == Doctor.id).scalar_subquery()
    counts = select(func.count()).where(Review.doctor_id == Doctor.id).scalar_subquery()
    db.execute(update(Doctor).values(stars=func.coalesce(sums, 0), reviews=counts))
    return len(rows)
