"""The health centre: tables `locations`, `doctors`, `diagnostics`, `bookings`, `results` and what hangs on them, for
patients (with an account or as guests) and staff.

What is about a patient is for that patient and staff alone: not for admins, unless they get that role instead, on
record.
"""
