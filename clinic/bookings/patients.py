"""The patient of a booking, and who may access it: the patient, the holder of the signed link, and staff."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from conf.errors import Forbidden, Invalid, NotFound, Unauthenticated
from conf.keys import pseudonym, sign, verify
from conf.values import Language
from iam.roles import Identity
from iam.users import crud as users

PERMISSION = "clinic:patients"
"""The permission to see and change all bookings and results."""
LINK_LIFETIME = dt.timedelta(days=90)
"""How long a link to a booking remains valid after the end of the visit."""


@dataclass(frozen=True)
class Contact:
    """The contact details of a patient, as entered in a form."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: Language = Language.EN
    """The language of e-mails to a guest."""
    patient_id: int | None = None
    """The account that staff book for."""


def patient_columns(db: Session, contact: Contact, viewer: Identity | None) -> dict[str, Any]:
    """Return values for the columns of `Patient`. Staff can book for an account (`patient_id`) or for a guest (a name,
    e-mail or phone); with neither, they book for themselves. Other signed-in users book for themselves. Callers who are
    not signed in book as guests.

    Raises: Invalid, with the field that is missing; Forbidden.
    """
    staff = viewer is not None and viewer.may(PERMISSION)
    if contact.patient_id is not None and not staff:
        raise Forbidden("Only staff can book for another account.", field="patient_id")
    if contact.patient_id is not None:
        return _of_account(db, contact, contact.patient_id)
    if viewer is not None and not (staff and (contact.name or contact.email or contact.phone)):
        return _of_account(db, contact, viewer.user_id, own=True)
    for field in ("name", "email", "phone"):
        if getattr(contact, field) is None:
            raise Invalid("Guests must give a name, an e-mail address and a phone number.", field=field)
    guest = {"name": contact.name, "email": contact.email, "phone": contact.phone}
    return {"patient_id": None, "patient_key": _guest_key(**guest), "language": contact.language, **guest}


def _guest_key(*, name: str | None, email: str | None, phone: str | None) -> int:
    """Return a negative number that identifies a guest by name, e-mail and phone together.

    The e-mail alone is not enough: anyone who knows it could find out whether its owner has a booking, and a family
    may share it.
    """
    digits = "".join(character for character in phone or "" if character.isdigit())
    contact = "\n".join([" ".join((name or "").casefold().split()), email or "", digits])
    return -1 - int.from_bytes(hashlib.sha256(contact.encode()).digest()[:7])


def _of_account(db: Session, contact: Contact, patient_id: int, *, own: bool = False) -> dict[str, Any]:
    try:
        user = users.get(db, user_id=patient_id)
    except NotFound as error:
        raise Invalid(error.detail, field="patient_id") from None
    if own and contact.email not in (None, user.email):
        raise Forbidden("E-mails are sent to the e-mail of your account. Leave this field out.", field="email")
    return {
        "patient_id": user.id,
        "patient_key": user.id,
        "name": contact.name or user.name,
        "email": contact.email or user.email,
        "phone": contact.phone,
        "language": user.language,
    }


def link_key(kind: str, row_id: int) -> str:
    """Return the key in a guest's link. Its holder may access the row. `kind`: `booking`, `hold` or `waiting`."""
    return sign("clinic", f"{kind}:{row_id}")


def verify_link_key(kind: str, row_id: int, given: str) -> bool:
    """Return whether `given` is the `link_key` of the row."""
    return verify("clinic", f"{kind}:{row_id}", given)


@dataclass(frozen=True)
class Requester:
    """The caller who accesses data of a patient: an account, or the holder of a link's key."""

    viewer: Identity | None
    key: str | None = None
    address: str = ""
    """The network address of the request, to limit what guests from one address can occupy."""

    @property
    def origin_key(self) -> int | None:
        """What the holds and bookings of this account, or of guests at this address, are counted by; None for staff."""
        if self.is_staff:
            return None
        origin = f"account {self.viewer.user_id}" if self.viewer else f"address {self.address}"
        return pseudonym("clinic", origin)

    @property
    def is_guest(self) -> bool:
        return self.viewer is None

    @property
    def is_staff(self) -> bool:
        return self.viewer is not None and self.viewer.may(PERMISSION)

    @property
    def user_id(self) -> int | None:
        return self.viewer.user_id if self.viewer else None

    def assert_known(self) -> None:
        """Require a signed-in caller or a key. Call this before looking up any row. Raises: Unauthenticated."""
        if self.viewer is None and self.key is None:
            raise Unauthenticated("Sign in, or use the link that you were sent.")

    def owns(self, patient_id: int | None) -> bool:
        return self.viewer is not None and self.viewer.user_id == patient_id

    def has_key(self, kind: str, row_id: int) -> bool:
        return self.key is not None and verify_link_key(kind, row_id, self.key)
