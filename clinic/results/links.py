"""Signed links to a result, valid for five minutes. Each contains the account that requested it, for the audit log."""

import time
from dataclasses import dataclass

from conf.errors import Forbidden
from conf.keys import sign, verify
from conf.settings import get_settings

PURPOSE = "clinic results"
LIFETIME_S = 300


@dataclass(frozen=True)
class Grant:
    """Permission to read one result. `actor_id`: the account that requested it, or 0 for a guest."""

    result_id: int
    preview: bool
    """Whether it is for the preview instead of the file."""
    actor_id: int
    expires: int
    """Unix seconds."""

    def signed(self) -> str:
        return f"{self._claims()}.{sign(PURPOSE, f'{self.result_id}.{self._claims()}')}"

    def is_signed_by(self, signature: str) -> bool:
        return verify(PURPOSE, f"{self.result_id}.{self._claims()}", signature)

    def _claims(self) -> str:
        return f"{int(self.preview)}.{self.actor_id}.{self.expires}"


def link(*, result_id: int, preview: bool, actor_id: int | None) -> tuple[str, int]:
    """Return the URL and when it expires, in Unix seconds."""
    grant = Grant(result_id, preview, actor_id or 0, int(time.time()) + LIFETIME_S)
    return f"{get_settings().public_url}/api/v1/results/{result_id}/file/?grant={grant.signed()}", grant.expires


def verify_grant(result_id: int, given: str) -> Grant:
    """Return the grant. Raises: Forbidden, if its signature is not valid or it has expired."""
    parts = given.split(".")
    numbers = [int(part) if part.isascii() and part.isdigit() and len(part) < 20 else -1 for part in parts[:3]]
    if len(parts) != 4 or -1 in numbers:
        raise Forbidden("This link is not valid. Request a new one.")
    grant = Grant(result_id, bool(numbers[0]), numbers[1], numbers[2])
    if not grant.is_signed_by(parts[3]):
        raise Forbidden("This link is not valid. Request a new one.")
    if grant.expires <= time.time():
        raise Forbidden("This link has expired. Request a new one.")
    return grant
