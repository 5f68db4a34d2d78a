"""Many rows of the clinic, of which few match each filter. `iam`'s accounts are there already."""

from tests.matrix import V1

FILL = """
INSERT INTO locations (name, address, time_zone, is_active)
  SELECT 'Clinic ' || n, 'Park ' || n, 'Europe/Berlin', true FROM generate_series(1, {many}) AS n;
INSERT INTO specialties (name) SELECT 'Specialty' || n FROM generate_series(1, {many}) AS n;
INSERT INTO doctors (name, specialty_id, about, experience_years, certificates, services, words, stars, reviews, price,
  is_active, duration_minutes, interval_minutes, buffer_minutes, notice_minutes, horizon_days, deadline_minutes)
  SELECT 'Dr. ' || n, 1 + n % 10000, repeat('About the heart. ', 20), n % 60, '{{}}', '{{}}',
    to_tsvector('simple', CASE WHEN n % 10000 = 0 THEN 'rare' ELSE 'common' END),
    CASE WHEN n <= 30 THEN 5 ELSE 1 + n % 3 END, 1, n, true, 30, 30, 0, 0, 90, 0 FROM generate_series(1, {many}) AS n;
INSERT INTO doctor_locations (doctor_id, location_id) SELECT n, 1 + n % 10000 FROM generate_series(1, {many}) AS n;
INSERT INTO diagnostics (name, description, preparation, price, is_active, duration_minutes, interval_minutes,
  buffer_minutes, notice_minutes, horizon_days, deadline_minutes)
  SELECT 'ECG ' || n, '', '', n, true, 30, 30, 0, 0, 90, 0 FROM generate_series(1, {many}) AS n;
INSERT INTO diagnostic_locations (diagnostic_id, location_id)
  SELECT n, 1 + n % 10000 FROM generate_series(1, {many}) AS n;
INSERT INTO stations (diagnostic_location_id, number, in_use)
  SELECT n, 1, true FROM generate_series(1, {many}) AS n;
INSERT INTO reviews (doctor_id, patient_key, rating, text)
  SELECT 1 + n % 1000, n, 5, '' FROM generate_series(1, {many}) AS n;
INSERT INTO bookings (doctor_id, diagnostic_id, station_id, location_id, starts_at, ends_at, occupied_until, status,
  price, message, patient_id, patient_key, name, email)
  SELECT CASE WHEN exam IS NULL THEN 1 + n % 10000 END, exam, exam, 1 + n % 10000, start, start + interval '30 minutes',
    start + interval '30 minutes', CASE WHEN n > {many} - 30 THEN 'noshow' ELSE 'booked' END, 5000, '', 1 + n % 10000,
    -n, 'Ada', 'ada@many.example'
  FROM (SELECT n, CASE WHEN n % 2 = 0 THEN 1 + n % 10000 END AS exam, now() + n * interval '1 hour' AS start
  FROM generate_series(1, {many}) AS n) AS times;
INSERT INTO waiting (doctor_id, diagnostic_id, location_id, first_day, last_day, patient_id, patient_key, name, email)
  SELECT CASE WHEN n % 2 = 0 THEN 1 + n % 10000 END, CASE WHEN n % 2 = 1 THEN 1 + n % 10000 END, 1 + n % 10000,
    current_date, current_date, 1 + n % 10000, n, 'Ada', 'ada@many.example' FROM generate_series(1, {many}) AS n;
"""
DOCTORS = f"{V1}/doctors/"
REQUESTS = {
    "list_locations": ("anonymous", f"{V1}/locations/", "", "cursor=100000"),
    "list_specialties": ("admin", f"{V1}/specialties/", "", "cursor=9000", "unused=true&cursor=100000"),
    "list_doctors": (
        "anonymous",
        DOCTORS,
        "",
        "cursor=100000.100000",
        "specialty_id=9",
        "location_id=9",
        "min_price=199990",
        "max_price=10",
        "min_rating=5",
        "q=rare",
        *(f"sort={sort}" for sort in ("rating", "price", "price_down", "experience")),
        "sort=rating&cursor=200.100000",
        "sort=price&cursor=100000.100000",
        "sort=price_down&cursor=100000.100000",
        "sort=experience&cursor=30.100000",
    ),
    "list_reviews": ("anonymous", f"{DOCTORS}9/reviews/", "", "cursor=100000"),
    "list_diagnostics": ("anonymous", f"{V1}/diagnostics/", "", "location_id=9", "cursor=100000"),
    "list_bookings": (
        "admin",
        f"{V1}/bookings/",
        "",
        "since=2040-01-01T00:00:00Z",
        "until=2030-01-01T00:00:00Z",
        "day=2040-01-01",
        "doctor_id=8",
        "diagnostic_id=9",
        "location_id=9",
        "status=noshow",
        "patient_id=9",
        "cursor=2208988800000000.100000",
    ),
    "list_waiting": (
        "admin",
        f"{V1}/waiting/",
        "",
        "doctor_id=9",
        "diagnostic_id=10",
        "location_id=9",
        "cursor=100000",
    ),
}
SCANS = {("list_bookings", "q"): "a part of a name, an e-mail or a phone number: no index finds it"}
"""Parameters by which a list reads all rows until a page is full."""
