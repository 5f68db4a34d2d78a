"""Accounts, and the reports on their imports from files."""

import datetime as dt
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Computed, ForeignKey, Index, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from conf.db.models import Model, Timestamps, choice
from conf.values import Language
from iam.groups.models import Group
from iam.roles import Role

WORDS = "to_tsvector('simple', first_name || ' ' || last_name || ' ' || patronymic || ' ' || coalesce(nickname, ''))"


class User(Timestamps, Model):
    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("points >= 0", name="points_not_negative"),
        CheckConstraint("email = lower(email)", name="email_in_lower_case"),
        Index("ix_users_role", "role", "id"),
        Index("ix_users_group_id", "group_id", "id"),
        Index("ix_users_learning_class", "learning_class", "id"),
    )

    email: Mapped[str] = mapped_column(String(254), unique=True)
    email_verified_at: Mapped[dt.datetime | None]
    """When the address was verified; null if it has not been."""
    password_hash: Mapped[str | None] = mapped_column(String(255), deferred=True)
    """argon2id. Null: the user cannot sign in until a password is set with the reset mail."""
    role: Mapped[Role] = mapped_column(choice(Role, "role"))
    language: Mapped[Language] = mapped_column(choice(Language, "language"), server_default=Language.EN)
    """Language of the e-mails to the user."""

    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    patronymic: Mapped[str] = mapped_column(String(100), default="")
    nickname: Mapped[str | None] = mapped_column(String(30))
    words: Mapped[str] = mapped_column(TSVECTOR, Computed(WORDS, persisted=True), deferred=True)
    """The words of all names, for the full-text search."""
    group_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("groups.id", ondelete="SET NULL"))
    group: Mapped[Group | None] = relationship(lazy="joined", innerjoin=False)
    learning_class: Mapped[str] = mapped_column(String(20), default="")
    points: Mapped[int] = mapped_column(default=0)

    about: Mapped[str] = mapped_column(Text, default="")
    tech_stack: Mapped[list[str]] = mapped_column(ARRAY(String(50)), default=list)
    telegram: Mapped[str | None] = mapped_column(String(200))
    github: Mapped[str | None] = mapped_column(String(200))
    stepik: Mapped[str | None] = mapped_column(String(200))
    kaggle: Mapped[str | None] = mapped_column(String(200))
    website: Mapped[str | None] = mapped_column(String(200))

    avatar_key: Mapped[str | None] = mapped_column(String(255))
    avatar_small_key: Mapped[str | None] = mapped_column(String(255))
    avatar_job_id: Mapped[int | None] = mapped_column(BigInteger)
    """The job that processes, or has processed, the newest picture."""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


Index("uq_users_nickname", func.lower(User.nickname), unique=True)
Index("ix_users_words", User.words, postgresql_using="gin")
STUDENTS = text("role = 'student'")
Index("ix_users_leaders", -User.points, User.id, postgresql_where=STUDENTS)
Index("ix_users_leaders_of_group", User.group_id, -User.points, User.id, postgresql_where=STUDENTS)


class UserImport(Model):
    """An import of users from a CSV file, and its report."""

    __tablename__ = "user_imports"

    owner_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"), index=True)
    job_id: Mapped[int] = mapped_column(BigInteger)
    source_key: Mapped[str] = mapped_column(String(255))
    invite: Mapped[bool]
    """Whether every new user gets an e-mail with a link to set a password."""
    created: Mapped[int] = mapped_column(default=0)
    existing: Mapped[int] = mapped_column(default=0)
    """Number of rows whose e-mail already has an account. They are skipped."""
    failed: Mapped[int] = mapped_column(default=0)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    """A list of `{"line", "column", "reason"}`."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]
