"""Roles, their permissions, and the identity of a caller. No other module says which role has which permission."""

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """The role of an account. An account of any role manages its own profile, clients, jobs and bookings.

    - `student`: has no further permissions.
    - `teacher`: also creates videos, manages groups, sees everybody's e-mail address, creates and imports students, and
      changes students' names, group, class and points.
    - `staff`: works at the health centre. Also manages its locations, doctors and diagnostics, and the bookings and
      results of all patients.
    - `admin`: has all permissions of a teacher. Also manages all accounts, videos, jobs and clients, reads the audit
      trail, and manages the locations, doctors and diagnostics of the health centre, but does not see the bookings and
      results of patients.
    """

    STUDENT = "student"
    TEACHER = "teacher"
    STAFF = "staff"
    ADMIN = "admin"


_TEACHER: list[str] = [
    "users:read",  # list all users and see their e-mail addresses
    "users:write",  # create and import students; change students' names, group, class and points
    "groups:write",  # create, change and delete groups
    "cms:write",  # create videos
]
_STAFF: list[str] = [
    "clinic:write",  # manage locations, doctors and diagnostics, see inactive ones, and delete anybody's review
    # See and manage the bookings and results of all patients. Admins do not have this permission. An admin who needs it
    # has to change role to staff, which the audit trail records.
    "clinic:patients",
]
_ADMIN: list[str] = [
    "users:admin",  # create accounts of any role; change and delete every account; see other people's imports
    "cms:admin",  # see, change and delete other people's videos
    "jobs:admin",  # see, cancel and retry other people's jobs and the jobs of the system
    "clients:admin",  # see, change and delete other people's clients
    "audit:read",  # read the audit trail
    "clinic:write",  # as for staff
]
PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.STUDENT: frozenset(),
    Role.TEACHER: frozenset(_TEACHER),
    Role.STAFF: frozenset(_STAFF),
    Role.ADMIN: frozenset(_TEACHER + _ADMIN),
}
"""The permissions of each role. Owners need none for what they own: the helpers of each resource check that."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The signed-in caller of a request."""

    user_id: int
    role: Role
    session_id: int

    def may(self, permission: str) -> bool:
        """Return whether the caller's role has the permission."""
        return permission in PERMISSIONS[self.role]

    @property
    def permissions(self) -> list[str]:
        return sorted(PERMISSIONS[self.role])
