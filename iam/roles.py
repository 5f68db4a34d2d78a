"""The one table of who may do what, and who asks."""

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    STUDENT = "student"
    TEACHER = "teacher"
    STAFF = "staff"
    """Of the health centre."""
    ADMIN = "admin"


_TEACHER: list[str] = [
    "users:read",  # the list, and everyone's e-mail
    "users:write",  # make students; put them into groups and classes, give them points
    "groups:write",
    "cms:write",  # make videos
]
_STAFF: list[str] = [
    "clinic:write",  # locations, doctors, diagnostics
    "clinic:patients",  # everybody's bookings and results: not for admins, unless they get this role instead, on record
]
_ADMIN: list[str] = [
    "users:admin",  # roles, e-mails, deletion
    "cms:admin",  # other people's videos
    "jobs:admin",  # other people's jobs, and the house's own
    "clients:admin",  # other people's clients
    "audit:read",
    "clinic:write",
]
PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.STUDENT: frozenset(),
    Role.TEACHER: frozenset(_TEACHER),
    Role.STAFF: frozenset(_STAFF),
    Role.ADMIN: frozenset(_TEACHER + _ADMIN),
}
"""What goes beyond one's own things. What is one's own, the helpers of each resource know."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes a request."""

    user_id: int
    role: Role
    session_id: int

    def may(self, permission: str) -> bool:
        return permission in PERMISSIONS[self.role]

    @property
    def permissions(self) -> list[str]:
        return sorted(PERMISSIONS[self.role])
