"""What v1 accepts and returns about people."""

import datetime as dt
from typing import Annotated, Self

from pydantic import Field

from conf.http.media import Link
from conf.http.schemas import UNSET, Changes, Filter, Input, Output
from conf.values import MAX_ID, Language
from iam.roles import Identity, Role
from iam.users import helpers, rules
from iam.users.models import User as Row
from iam.v1.groups.schemas import Group

GroupId = Annotated[int, Field(ge=1, le=MAX_ID)]
Points = Annotated[int, Field(ge=0, le=rules.MAX_POINTS)]
TechStack = Annotated[list[rules.Technology], Field(max_length=30)]


class UserFilter(Filter):
    role: Role | None = None
    group_id: GroupId | None = None
    learning_class: Annotated[str | None, Field(max_length=20)] = None


class UserCreate(Input):
    email: rules.Email
    password: rules.NewPassword | None = Field(None, description="Without one the person sets it by the reset mail.")
    role: Role = Role.STUDENT
    first_name: rules.Name
    last_name: rules.Name
    patronymic: rules.Patronymic = ""
    nickname: rules.Nickname | None = None
    group_id: GroupId | None = None
    learning_class: rules.LearningClass = ""
    points: Points = 0


class UserUpdate(Changes):
    """Only the fields that are given change. Your own: names, nickname, about, tech stack, links. A teacher, of
    students: names, group, class, points. An admin: all."""

    email: rules.Email = UNSET
    role: Role = UNSET
    first_name: rules.Name = UNSET
    last_name: rules.Name = UNSET
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
    language: Language = UNSET


class User(Output):
    id: int
    email: str | None = Field(description="Yours; of others, for teachers and admins. Null for everybody else.")
    email_verified: bool | None = Field(description="Null where the e-mail is.")
    role: Role
    first_name: str
    last_name: str
    patronymic: str
    nickname: str | None
    group: Group | None
    learning_class: str
    points: int
    about: str
    tech_stack: list[str]
    telegram: str | None
    github: str | None
    stepik: str | None
    kaggle: str | None
    website: str | None
    avatar_url: Link = Field(validation_alias="avatar_key", description="512×512 JPEG.")
    avatar_small_url: Link = Field(validation_alias="avatar_small_key", description="96×96 JPEG.")
    created_at: dt.datetime
    updated_at: dt.datetime

    @classmethod
    def shown(cls, user: Row, *, to: Identity | None, **more: object) -> Self:
        """As that viewer may see it."""
        fields = {name: getattr(user, name) for name in _COLUMNS} | more
        told = helpers.sees_email(to, user)
        fields["email"] = user.email if told else None
        fields["email_verified"] = user.email_verified_at is not None if told else None
        return cls.model_validate(fields)


_COLUMNS = [
    field.validation_alias if isinstance(field.validation_alias, str) else name
    for name, field in User.model_fields.items()
    if not name.startswith("email")
]


class Me(User):
    language: Language = Field(description="Of the mails to you.")
    permissions: list[str] = Field(description="What you may do beyond your own things.")
    avatar_job_id: int | None = Field(description="The job that makes, or made, your newest picture.")


class Leader(Output):
    rank: int = Field(description="1 is the best; equal points, equal rank.")
    id: int
    nickname: str | None
    first_name: str
    last_name: str
    group: Group | None
    points: int
    avatar_small_url: Link = Field(validation_alias="avatar_small_key")

    @classmethod
    def of(cls, user: Row, *, rank: int) -> Self:
        names = ("id", "nickname", "first_name", "last_name", "group", "points", "avatar_small_key")
        return cls.model_validate({name: getattr(user, name) for name in names} | {"rank": rank})


class AvatarAccepted(Output):
    job_id: int = Field(description="The job that makes the picture: `/api/v1/jobs/{job_id}/`.")


class Fault(Output):
    line: int = Field(description="Of the file, from 1.")
    column: str = Field(description="Empty: the whole line.")
    reason: str


class UserImport(Output):
    id: int
    job_id: int = Field(description="The job that does it: `/api/v1/jobs/{job_id}/`.")
    created: int
    existing: int = Field(description="Rows whose e-mail has an account already: left alone.")
    failed: int
    faults: list[Fault] = Field(description="At most 1000.")
    created_at: dt.datetime
    finished_at: dt.datetime | None = Field(description="Null: the report is not there yet.")
