"""Who a booking is for, and who may reach it: its patient, whoever has the signed link that was mailed, staff."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from conf.errors import Forbidden, Invalid, NotFound, Unauthenticated
from conf.keys import sign, verify
from conf.values import Language
from iam.roles import Identity
from iam.users import crud as users

READ = "clinic:patients"
"""The permission to see and deal with everybody's bookings and results."""
LINK_LIFETIME = dt.timedelta(days=90)
"""A link to a booking is good for so long after its end."""


@dataclass(frozen=True)
class Contact:
    """What the form says of the patient."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: Language = Language.EN
    """Of a guest."""
    patient_id: int | None = None
    """The account that staff book for."""


def patient_columns(db: Session, contact: Contact, viewer: Identity | None) -> dict[str, Any]:
    """The columns of `Patient`. Staff book for an account or a guest, or, naming nobody, for themselves; others with
    an account for themselves; who is not signed in as a guest. Invalid, with the field that is missing; Forbidden."""
    staff = viewer is not None and viewer.may(READ)
    if contact.patient_id is not None and not staff:
        raise Forbidden("Only staff book for somebody else's account.", field="patient_id")
    if contact.patient_id is not None:
        return _of_account(db, contact, contact.patient_id)
    if viewer is not None and not (staff and (contact.name or contact.email or contact.phone)):
        return _of_account(db, contact, viewer.user_id, own=True)
    for field in ("name", "email", "phone"):
        if getattr(contact, field) is None:
            raise Invalid("A guest has name, e-mail and phone.", field=field)
    told = {"name": contact.name, "email": contact.email, "phone": contact.phone}
    return {"patient_id": None, "patient_key": _key_of_guest(**told), "language": contact.language, **told}


def _key_of_guest(*, name: str | None, email: str | None, phone: str | None) -> int:
    """A number below 0. All three make the person: an e-mail alone, which others know too, tells nothing of whether
    its owner has a booking; and a family may share one."""
    digits = "".join(character for character in phone or "" if character.isdigit())
    told = "\n".join([" ".join((name or "").casefold().split()), email or "", digits])
    return -1 - int.from_bytes(hashlib.sha256(told.encode()).digest()[:7])


def _of_account(db: Session, contact: Contact, patient_id: int, *, own: bool = False) -> dict[str, Any]:
    try:
        user = users.get(db, user_id=patient_id)
    except NotFound as error:
        raise Invalid(error.detail, field="patient_id") from None
    if own and contact.email not in (None, user.email):
        raise Forbidden("Mails go to your account's e-mail.", field="email")
    return {
        "patient_id": user.id,
        "patient_key": user.id,
        "name": contact.name or user.name,
        "email": contact.email or user.email,
        "phone": contact.phone,
        "language": user.language,
    }


def link_key(what: str, row_id: int) -> str:
    """The key in a guest's link: whoever has it reaches the row."""
    return sign("clinic", f"{what}:{row_id}")


def verify_link_key(what: str, row_id: int, given: str) -> bool:
    return verify("clinic", f"{what}:{row_id}", given)


@dataclass(frozen=True)
class Requester:
    """Who asks for something of a patient: an account, or who has the key of a link."""

    viewer: Identity | None
    key: str | None = None

    @property
    def is_staff(self) -> bool:
        return self.viewer is not None and self.viewer.may(READ)

    @property
    def user_id(self) -> int | None:
        return self.viewer.user_id if self.viewer else None

    def assert_known(self) -> None:
        """Unauthenticated, before anything is looked for."""
        if self.viewer is None and self.key is None:
            raise Unauthenticated("Sign in, or use the link that you were sent.")

    def owns(self, patient_id: int | None) -> bool:
        return self.viewer is not None and self.viewer.user_id == patient_id

    def has_key(self, what: str, row_id: int) -> bool:
        return self.key is not None and verify_link_key(what, row_id, self.key)
