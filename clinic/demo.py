"""A believable clinic: the same each time, but for the days, which are those around today."""

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
    "Psychotherapy": (8500, ("First talk", "Stress and sleep", "Exam nerves")),
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
    ("Blood count", "The cells of the blood, counted.", "Come without breakfast.", 2500, 10, 3),
    ("Cholesterol", "Fats of the blood.", "Eat nothing for twelve hours.", 2000, 10, 3),
    ("Blood sugar", "Fasting, or over two hours.", "Eat nothing for eight hours.", 1800, 10, 2),
    ("Urine test", "Quick test and sediment.", "The first urine of the day is best.", 1500, 10, 2),
    ("ECG", "The currents of the heart, at rest.", "", 4500, 20, 1),
    ("Stress ECG", "The heart at work, on a bicycle.", "Bring sports clothes.", 9000, 40, 1),
    ("Ultrasound of the abdomen", "Liver, kidneys, spleen.", "Eat nothing for six hours.", 8000, 30, 1),
    ("Ultrasound of the thyroid", "Size and nodules.", "", 6000, 20, 1),
    ("X-ray of the chest", "Heart and lungs.", "Leave jewellery at home.", 7000, 15, 1),
    ("MRI of the knee", "Cartilage, ligaments, menisci.", "Tell us of metal in your body.", 32000, 45, 1),
    ("Lung function", "How much, and how fast, you breathe.", "Do not smoke for four hours.", 5500, 30, 2),
    ("Allergy test", "Twenty common allergens on the skin.", "No antihistamines for three days.", 6500, 40, 2),
)
WORDS = (
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
"""How many of all slots are booked."""
PAST = {BookingStatus.FULFILLED: 85, BookingStatus.CANCELLED: 10, BookingStatus.NOSHOW: 5}
COMING = {BookingStatus.BOOKED: 95, BookingStatus.CANCELLED: 5}
RATED = 0.4
STARS = {5: 60, 4: 25, 3: 10, 2: 3, 1: 2}


def demonstrate(_url: str, console: Console) -> None:
    """Fill the database of the settings, unless there is a clinic."""
    told = fill()
    if told is None:
        console.print("  The clinic has locations already: left as it is.\n")
        return
    console.print(f"  The clinic: {told}.\n")


@with_db_session
def fill(*, db: Session) -> str | None:
    """What was made, in words; None where there is a clinic already."""
    if db.scalar(select(exists().select_from(Location))):
        return None
    luck = random.Random(1)  # noqa: S311
    places = _locations(db)
    made = _bookings(db, luck, [*_doctors(db, luck, places), *_diagnostics(db, luck, places)])
    reviews = _reviews(db, luck)
    count = f"{len(LOCATIONS)} locations, {len(LAST_NAMES.split())} doctors, {len(DIAGNOSTICS)} diagnostics"
    return f"{count}, {made} bookings, {reviews} reviews"


def _hours(opens: str, closes: str, *, days: range = range(1, 6)) -> list[dict[str, Any]]:
    return [{"weekday": day, "opens": opens, "closes": closes} for day in days]


def _holidays(year: int) -> list[dict[str, Any]]:
    """Closed on some, open for the morning on the last day of the year."""
    closed = {"01-01": "New Year's Day", "05-01": "Labour Day", "12-25": "Christmas", "12-26": "Christmas"}
    days = [{"date": f"{year}-{day}", "intervals": [], "note": note} for day, note in closed.items()]
    morning = {"opens": "08:00", "closes": "12:00"}
    return [*days, {"date": f"{year}-12-31", "intervals": [morning], "note": "New Year's Eve"}]


def _locations(db: Session) -> list[Location]:
    """Open from Monday to Friday, half of them on Saturday mornings too; with the holidays of three years."""
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


def _doctors(db: Session, luck: random.Random, places: list[Location]) -> list[Target]:
    """Each is at one location in the mornings and, some of them, at a second one in the afternoons."""
    kinds = {name: doctors.create_specialty(db, name=name) for name in SPECIALTIES}
    made = []
    for n, last_name in enumerate(LAST_NAMES.split()):
        kind = list(SPECIALTIES)[n % len(SPECIALTIES)]
        price, services = SPECIALTIES[kind]
        years = luck.randint(3, 35)
        doctor = doctors.create(
            db,
            name=f"Dr. {FIRST_NAMES.split()[n % 20]} {last_name}",
            specialty_id=kinds[kind].id,
            about=f"{kind} for {years} years.",
            price=price + luck.randrange(0, 30) * 100,
            experience_years=years,
            certificates=[f"{kind}, {dt.datetime.now(dt.UTC).year - years}"],
            services=luck.sample(services, k=len(services) - 1),
            duration_minutes=(kind == "Psychotherapy" and 50) or luck.choice((20, 25)),
            interval_minutes=(kind == "Psychotherapy" and 60) or 30,
            buffer_minutes=5,
            notice_minutes=120,
            horizon_days=90,
            deadline_minutes=24 * 60,
        )
        homes = luck.choice((places[:2], places[2:4])) if n % 2 else [luck.choice(places)]  # one city to the next
        for home, hours in zip(homes, (_hours("08:00", "13:00"), _hours("14:00", "18:00")), strict=False):
            doctors.put_location(db, doctor_id=doctor.id, location_id=home.id, expected=ANY, hours=hours, exceptions=[])
            made.append(targets.get(db, doctor_id=doctor.id, diagnostic_id=None, location_id=home.id))
    return made


def _diagnostics(db: Session, luck: random.Random, places: list[Location]) -> list[Target]:
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
        for place in luck.sample(places, k=luck.randint(2, 4)):
            capacity.put(db, diagnostic_id=exam.id, location_id=place.id, capacity=room)
            made.append(targets.get(db, doctor_id=None, diagnostic_id=exam.id, location_id=place.id))
    return made


def _patients(db: Session) -> list[dict[str, Any]]:
    """The columns of `Patient`: the demo student, then guests."""
    student = users.by_email(db, email=email_of(Role.STUDENT))
    account = [patients.patient_columns(db, Contact(patient_id=student.id), STAFF)] if student else []
    names = [(first, last) for last in LAST_NAMES.split() for first in FIRST_NAMES.split()][:PATIENTS]
    guests = [
        Contact(f"{first} {last}", f"{first}.{last}@patients.example".lower(), f"+49 30 {5550000 + n}")
        for n, (first, last) in enumerate(names)
    ]
    return account + [patients.patient_columns(db, guest, None) for guest in guests]


def _bookings(db: Session, luck: random.Random, wanted: list[Target]) -> int:
    """Nobody twice at a time; how many there are."""
    people = _patients(db)
    taken: dict[tuple[str, int], list[Interval]] = {}
    rows = []
    now = times.now().timestamp()
    for target in wanted:
        today = times.today(target)
        share = BUSY_DOCTOR if target.doctor_id else BUSY_STATION
        for day in range(-PAST_DAYS, COMING_DAYS):
            for slot in target.grid.on(today + day * DAY):
                if luck.random() < share and (row := _booking(luck, target, slot, people, taken)):
                    kinds = PAST if slot.end < now else COMING
                    row["status"] = luck.choices(list(kinds), weights=list(kinds.values()))[0]
                    rows.append(row)
    made = db.scalars(insert(Booking).returning(Booking.id, sort_by_parameter_order=True), rows).all()
    told = [
        {"booking_id": booking_id, **{name: row[name] for name in ("status", "starts_at", "location_id")}}
        for booking_id, row in zip(made, rows, strict=True)
    ]
    db.execute(insert(BookingEvent), told)
    return len(made)


def _booking(
    luck: random.Random,
    target: Target,
    slot: Slot,
    people: list[dict[str, Any]],
    taken: dict[tuple[str, int], list[Interval]],
) -> dict[str, Any] | None:
    """The columns of a booking of the slot by somebody; None when somebody it would take is elsewhere."""
    person = luck.choice(people)
    station_id = luck.choice(target.stations) if target.stations else None
    whose = ("doctor", target.doctor_id) if target.doctor_id else ("station", station_id or 0)
    mine = ("patient", person["patient_key"])
    span = Interval(slot.start, slot.end + target.buffer_s)
    for one in (whose, mine):
        if any(span.start < other.end and other.start < span.end for other in taken.get(one, ())):
            return None
    for one in (whose, mine):
        taken.setdefault(one, []).append(span)
    return {**times.columns_of(target, slot), **person, "station_id": station_id, "price": target.price, "message": ""}


def _reviews(db: Session, luck: random.Random) -> int:
    """Of some who have been there, one each; how many there are."""
    been = select(Booking.doctor_id, Booking.patient_key).distinct().order_by(Booking.doctor_id, Booking.patient_key)
    been = been.where(Booking.status == BookingStatus.FULFILLED, Booking.doctor_id.is_not(None))
    rows = [
        {
            "doctor_id": row.doctor_id,
            "patient_key": row.patient_key,
            "rating": luck.choices(list(STARS), weights=list(STARS.values()))[0],
            "text": luck.choice(WORDS),
        }
        for row in db.execute(been)
        if luck.random() < RATED
    ]
    db.execute(insert(Review), rows)
    sums = select(func.sum(Review.rating)).where(Review.doctor_id == Doctor.id).scalar_subquery()
    counts = select(func.count()).where(Review.doctor_id == Doctor.id).scalar_subquery()
    db.execute(update(Doctor).values(stars=func.coalesce(sums, 0), reviews=counts))
    return len(rows)
