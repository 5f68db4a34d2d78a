"""The health centre: the tables `locations`, `doctors`, `diagnostics`, `bookings`, `results` and those that depend on
them, for patients (with an account or as guests) and staff.

Patient data is visible only to that patient and to staff. Admins cannot see it, unless their role is changed to staff;
that change is recorded in the audit log.
"""
