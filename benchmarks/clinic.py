"""The free slots of a doctor in a month with 200 bookings, compared with reading the doctor; concurrent bookings."""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import httpx
import psycopg2

from benchmarks.measure import Result, campus, load, median_ratio
from tests.system import System

ROUNDS = 5
RUSHES, CONCURRENT = 20, 50
FILL = """
INSERT INTO specialties (name) VALUES ('Cardiology');
INSERT INTO locations (name, address, time_zone, is_active, hours)
  SELECT 'Clinic ' || n, 'Park ' || n, 'Europe/Berlin', true, %(hours)s FROM generate_series(1, 6) AS n;
INSERT INTO doctors (name, specialty_id, about, experience_years, certificates, services, words, stars, reviews, price,
  is_active, duration_minutes, interval_minutes, buffer_minutes, notice_minutes, horizon_days, deadline_minutes)
  SELECT 'Dr. ' || n, 1, repeat('About the heart. ', 10), 9, '{ECG}', '{}', '', 45, 10, 5000, true, 30, 30, 0, 0,
  90, 0 FROM generate_series(1, 40) AS n;
INSERT INTO doctor_locations (doctor_id, location_id, hours)
  SELECT d, l, %(hours)s FROM generate_series(1, 40) AS d, generate_series(1, 2) AS l;
INSERT INTO bookings (doctor_id, location_id, starts_at, ends_at, occupied_until, status, price, message, patient_key,
  name, email)
  SELECT 7, 1, begin, begin + interval '30 minutes', begin + interval '30 minutes', 'booked', 5000, '', -n, 'A', 'a@b.c'
  FROM (SELECT n, date_trunc('day', now()) + interval '32 hours' + n / 7 * interval '1 day' + n %% 7 * interval '1 hour'
  AS begin FROM generate_series(0, 199) AS n) AS times;
"""
HOURS = json.dumps([{"weekday": day, "opens": "08:00", "closes": "17:00"} for day in range(1, 8)])


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, campus(Path(folder) / "campus", LIMITS_FACTOR="0") as system:
        with psycopg2.connect(system.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(FILL, {"hours": HOURS})
        connection.close()
        first = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
        last = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 31 * 86400))
        paths = {
            "one doctor": "/api/v1/doctors/7/",
            "a month of slots": f"/api/v1/slots/doctors/7/?location_id=1&from={first}&to={last}",
            "40 doctors": "/api/v1/doctors/?limit=40",
        }
        count = len(system.client.get(paths["a month of slots"]).json()["items"])
        rates: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, path in paths.items():
                rates[name].append(load(system.url + path))
        slots = median_ratio(rates["one doctor"], rates["a month of slots"])
        slowest = [max(_rush(system, n)) for n in range(RUSHES)]
        return [
            *(Result(name, statistics.median(values), unit="/s") for name, values in rates.items()),
            Result("free slots in that month", count),
            Result("time of a month of slots / one doctor", slots, high=2, unit="×"),
            Result("50 bookings of one slot: slowest response in 20 tries", max(slowest), high=1, unit="s"),
        ]


def _rush(system: System, n: int) -> list[float]:
    """Book one slot concurrently. Returns the seconds until each response: one 201, and 409 for the others."""
    starts_at = time.strftime("%Y-%m-%dT07:30:00Z", time.gmtime(time.time() + (n + 40) * 86400))
    guest = {"name": "A", "phone": "+49 30 1234567", "doctor_id": 8, "location_id": 1, "starts_at": starts_at}

    async def book_all() -> list[float]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=system.url, limits=limits, timeout=30, trust_env=False) as client:

            async def book(number: int) -> tuple[int, float]:
                begun = time.perf_counter()
                body = guest | {"email": f"p{number}@bench.example"}
                response = await client.post("/api/v1/bookings/", json=body)
                return response.status_code, time.perf_counter() - begun

            results = await asyncio.gather(*(book(number) for number in range(CONCURRENT)))
        statuses = sorted(status for status, _ in results)
        assert statuses == [201] + [409] * (CONCURRENT - 1), statuses
        return [seconds for _, seconds in results]

    return asyncio.run(book_all())
