"""Request and response schemas of accounts, version 1."""

import datetime as dt
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Row

from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Filter, Input, Output
from conf.values import MAX_ID, Language
from iam.roles import Identity, Role
from iam.users import helpers, rules
from iam.users.models import User as UserRow
from iam.v1.groups.schemas import Group

PICTURE_URL = "https://campus.example/media/69204e80-5mWq8xT0Zc1vLrK9bN3uYdAe/users/7/41.1/{name}.jpg"
GroupId = Annotated[int, Field(ge=1, le=MAX_ID)]
Points = Annotated[int, Field(ge=0, le=rules.MAX_POINTS, description="Points on the leaderboard.", examples=[120])]
TechStack = Annotated[
    list[rules.Technology],
    Field(max_length=30, description="Technologies that the user knows.", examples=[["Python", "PostgreSQL"]]),
]


class UserFilter(Filter):
    role: Role | None = Field(None, description="Return only users with this role.")
    group_id: GroupId | None = Field(None, description="Return only members of this group.", examples=[3])
    learning_class: str | None = Field(
        None, max_length=20, description="Return only users of this school class.", examples=["9A"]
    )


class UserCreate(Input):
    """An account for somebody else."""

    email: rules.Email
    password: rules.NewPassword | None = Field(
        None, description="Without a password, the user cannot sign in until they set one with the reset mail."
    )
    role: Role = Role.STUDENT
    first_name: rules.Name
    last_name: rules.LastName
    patronymic: rules.Patronymic = ""
    nickname: rules.Nickname | None = None
    group_id: GroupId | None = None
    learning_class: rules.LearningClass = ""
    points: Points = 0


class UserUpdate(Changes):
    """The fields to change. Fields that are not sent stay as they are.

    You may change your own names, nickname, language, `about`, tech stack and links. Teachers may change the names,
    group, class and points of students. Admins may change everything.
    """

    email: rules.Email = UNSET
    role: Role = UNSET
    first_name: rules.Name = UNSET
    last_name: rules.LastName = UNSET
    patronymic: rules.Patronymic = UNSET
    nickname: rules.Nickname | None = UNSET
    group_id: GroupId | None = UNSET
    learning_class: rules.LearningClass = UNSET
    points: Points = UNSET
    about: rules.About = UNSET
    tech_stack: TechStack = UNSET
    telegram: rules.Telegram | None = UNSET
    github: rules.Github | None = UNSET
    stepik: rules.Stepik | None = UNSET
    kaggle: rules.Kaggle | None = UNSET
    website: rules.Website | None = UNSET
    language: Language = Field(UNSET, description="Language of the e-mails to the user.")


class User(Output):
    """An account and its public profile."""

    id: int
    email: str | None = Field(
        description="E-mail address. Only the user, teachers and admins see it; for others it is null.",
        examples=["ada.lovelace@campus.example"],
    )
    email_verified: bool | None = Field(
        description="Whether the user has confirmed this e-mail address. Null if `email` is null."
    )
    role: Role
    first_name: str = Field(examples=["Ada"])
    last_name: str = Field(examples=["Lovelace"])
    patronymic: str = Field(
        description="Name derived from the father's first name; empty if there is none.", examples=["Ivanovna"]
    )
    nickname: str | None = Field(
        description="Unique nickname, with which `GET /users/{who}/` finds the user too.", examples=["ada.lovelace"]
    )
    group: Group | None
    learning_class: str = Field(description="School class; empty if there is none.", examples=["9A"])
    points: int = Field(description="Points on the leaderboard, 0 or more.", examples=[120])
    about: str = Field(description="What the user writes about themselves.", examples=["I like analytical engines."])
    tech_stack: list[str] = Field(description="Technologies that the user knows.", examples=[["Python", "PostgreSQL"]])
    telegram: str | None = Field(description="Link to a Telegram account.", examples=["https://t.me/ada_lovelace"])
    github: str | None = Field(description="Link to a GitHub account.", examples=["https://github.com/ada-lovelace"])
    stepik: str | None = Field(description="Link to a Stepik account.", examples=["https://stepik.org/users/1815"])
    kaggle: str | None = Field(description="Link to a Kaggle account.", examples=["https://www.kaggle.com/adalovelace"])
    website: str | None = Field(description="URL of the user's own website.", examples=["https://ada.example/"])
    avatar_url: Link = Field(
        validation_alias="avatar_key",
        description="URL of the profile picture, a JPEG of 512×512 pixels. It expires after 6 to 12 hours.",
        examples=[PICTURE_URL.format(name="large")],
    )
    avatar_small_url: Link = Field(
        validation_alias="avatar_small_key",
        description="URL of the profile picture, a JPEG of 96×96 pixels. It expires after 6 to 12 hours.",
        examples=[PICTURE_URL.format(name="small")],
    )
    created_at: dt.datetime
    updated_at: dt.datetime


def visible_fields(user: Row[Any] | UserRow, *, viewer: Identity | None) -> dict[str, Any]:
    """Return the values of a `User` with the fields that the viewer may see."""
    fields = {name: getattr(user, name) for name in _COLUMNS}
    may_see_email = helpers.may_see_email(viewer, user)
    fields["email"] = user.email if may_see_email else None
    fields["email_verified"] = user.email_verified_at is not None if may_see_email else None
    return fields


_COLUMNS = [
    field.validation_alias if isinstance(field.validation_alias, str) else name
    for name, field in User.model_fields.items()
    if not name.startswith("email")
]


class Me(User):
    """The caller's own account."""

    language: Language = Field(description="Language of the e-mails to you.")
    permissions: list[str] = Field(
        description="Permissions of your role. You need none for what you own.",
        examples=[["cms:write", "groups:write", "users:read", "users:write"]],
    )
    avatar_job_id: int | None = Field(
        description="The job that processes, or has processed, your newest profile picture; null if there is none."
    )
    stored_bytes: int = Field(
        description="Bytes of your stored files: your uploads, and what was made from them.", examples=[734003200]
    )
    quota_bytes: int | None = Field(
        description="Bytes of stored files that you may have; null if there is no limit.", examples=[53687091200]
    )


class Leader(Output):
    """A student on the leaderboard."""

    rank: int = Field(
        description="1 plus the number of students with more points. Students with the same points have the same rank.",
        examples=[1],
    )
    id: int
    nickname: str | None = Field(examples=["ada.lovelace"])
    first_name: str = Field(examples=["Ada"])
    last_name: str = Field(examples=["Lovelace"])
    group: Group | None
    points: int = Field(examples=[120])
    avatar_small_url: Link = Field(
        validation_alias="avatar_small_key",
        description="URL of the profile picture, a JPEG of 96×96 pixels. It expires after 6 to 12 hours.",
        examples=[PICTURE_URL.format(name="small")],
    )


LEADER_COLUMNS = ("id", "nickname", "first_name", "last_name", "group", "points", "avatar_small_key")
"""Columns of `Leader`, besides the rank."""


class AvatarAccepted(Output):
    """A profile picture that has been uploaded and will be processed."""

    job_id: int = Field(description="The job that processes the picture: `GET /api/v1/jobs/{job_id}/`.")


class Fault(Output):
    """An error in a row of the imported file."""

    line: int = Field(description="Number of the line in the file where the row begins, from 1.", examples=[3])
    column: str = Field(
        description="Name of the column; empty if the fault concerns the whole row.", examples=["group"]
    )
    reason: str = Field(
        description="What is wrong with the value or the row.", examples=["There is no group with the name Chemistry."]
    )


class UserImport(Output):
    """An import of accounts from a CSV file, and its report."""

    id: int
    job_id: int = Field(description="The job that imports the file: `GET /api/v1/jobs/{job_id}/`.")
    created: int = Field(description="Number of accounts that were created.", examples=[28])
    existing: int = Field(
        description="Number of rows that were skipped because their e-mail address already had an account.",
        examples=[2],
    )
    failed: int = Field(description="Number of invalid rows.", examples=[1])
    faults: list[Fault] = Field(description="The faults of the invalid rows, at most 1000, ordered by line.")
    created_at: dt.datetime
    finished_at: dt.datetime | None = Field(description="When the report was completed; null until then.")
