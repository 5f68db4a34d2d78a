"""Unions of models. In protobuf they are messages with a `oneof`."""

import re
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class OneOf:
    """A union of models: a message with one field per model, of which one is set."""

    name: str
    members: tuple[type[BaseModel], ...]

    def tag_of(self, member: type[BaseModel]) -> dict[str, str]:
        """Return the discriminator of a member and its value, `{"kind": "card"}`; an empty dict if there is none.

        The discriminator is the field that is a `Literal` of one value in every member.
        """
        for name, info in member.model_fields.items():
            if all(_is_tag(other.model_fields.get(name)) for other in self.members):
                return {info.alias or name: get_args(info.annotation)[0]}
        return {}

    @property
    def has_tags(self) -> bool:
        """Whether the members have a discriminator."""
        return bool(self.tag_of(self.members[0]))


def _is_tag(info: FieldInfo | None) -> bool:
    return info is not None and get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1


def member_name(member: type[BaseModel]) -> str:
    """Return the name of the member's field in the message: `paid_invoice` for `PaidInvoice`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", member.__name__).lower()
