"""Links to a result, each for one requester and five minutes: what opens them is on record with who asked."""

import time
from dataclasses import dataclass

from conf.errors import Forbidden
from conf.keys import sign, verify
from conf.settings import get_settings

PURPOSE = "clinic results"
LIFE_S = 300


@dataclass(frozen=True)
class Grant:
    """Of one result, to `actor_id` (0: a guest, by the link of the booking)."""

    result_id: int
    preview: bool
    """The picture of the first page, in place of the file."""
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
    """The address, and when it ends, in Unix seconds."""
    grant = Grant(result_id, preview, actor_id or 0, int(time.time()) + LIFE_S)
    return f"{get_settings().public_url}/api/v1/results/{result_id}/file/?grant={grant.signed()}", grant.expires


def grant_of(result_id: int, given: str) -> Grant:
    """Forbidden when it was not made here, or has expired."""
    parts = given.split(".")
    numbers = [int(part) if part.isascii() and part.isdigit() and len(part) < 20 else -1 for part in parts[:3]]
    if len(parts) != 4 or -1 in numbers:
        raise Forbidden("This link was not made here.")
    grant = Grant(result_id, bool(numbers[0]), numbers[1], numbers[2])
    if not grant.is_signed_by(parts[3]):
        raise Forbidden("This link was not made here.")
    if grant.expires <= time.time():
        raise Forbidden("This link has expired. Ask the API for a new one.")
    return grant
