"""Users from a CSV file: the good rows become users, every bad one is reported with line, column and reason.

A row whose e-mail has an account is left alone, so the same file twice makes nothing twice.
"""

import csv
import io
import posixpath
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf._celery.enqueue import enqueue, enqueue_all
from conf._celery.models import ENDED, Job
from conf._celery.task import Attempt
from conf.db import rows
from conf.db.session import release_connection
from conf.errors import Forbidden, Invalid, NotFound, Unavailable
from conf.settings import get_settings
from conf.storage.incoming import IncomingFile
from conf.storage.store import new_files, remove_later, storage
from iam.audit import crud as audit
from iam.audit.crud import HERE, Origin
from iam.groups import crud as groups
from iam.roles import Identity, Role
from iam.users import crud, rules
from iam.users.models import User, UserImport

IMPORT = "iam.users.import_file"
INVITE = "iam.tokens.mail_invitation"
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_FAULTS = 1000
BATCH = 500
REQUIRED = ("email", "first_name", "last_name")


class Row(BaseModel):
    """One line. Empty cells are as if they were not there."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    email: rules.Email
    first_name: rules.Name
    last_name: rules.Name
    patronymic: rules.Patronymic = ""
    nickname: rules.Nickname | None = None
    role: Role = Role.STUDENT
    group: rules.Name | None = None
    learning_class: rules.LearningClass = ""
    points: int = Field(default=0, ge=0, le=rules.MAX_POINTS)

    @field_validator("role", mode="before")
    @classmethod
    def _any_case(cls, role: object) -> object:
        return role.strip().lower() if isinstance(role, str) else role


@dataclass
class Report:
    created: int = 0
    existing: int = 0
    failed: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)

    def fault(self, line: int, column: str, reason: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append({"line": line, "column": column, "reason": reason})


def begin(db: Session, *, owner: Identity, origin: Origin, file: IncomingFile, invite: bool) -> UserImport:
    """Store the file and enqueue its import as the job `job_id`. Raises: Invalid when it is no CSV file with the right
    columns."""
    _, lines = _open(file.path.read_bytes())
    if sum(1 for _ in lines) > MAX_ROWS:
        raise Invalid(f"The file must have at most {MAX_ROWS} rows.", field="file")
    release_connection(db)
    with new_files(f"imports/{secrets.token_hex(6)}/") as files:
        key = files.put("users.csv", file.path)
        record = rows.save(db, UserImport(owner_id=owner.user_id, source_key=key, invite=invite, job_id=0, faults=[]))
        rows.save(db, record, job_id=enqueue(db, IMPORT, owner_id=owner.user_id, import_id=record.id).id)
        audit.record(db, "users_imported", origin=origin, actor_id=owner.user_id, import_id=record.id)
        files.keep(db)
    return record


def get(db: Session, *, import_id: int, viewer: Identity) -> UserImport:
    """The import of the viewer, or anybody's for an admin. NotFound."""
    record = db.get(UserImport, import_id)
    if record is None or (record.owner_id != viewer.user_id and not viewer.may("users:admin")):
        raise NotFound("import", import_id)
    return record


def run(db: Session, *, import_id: int, attempt: Attempt) -> None:
    """Read the file and make the users, all in one transaction with the report; one import at a time.

    What the owner may do counts as it is now. Forbidden; Invalid when the owner or the file is gone; Unavailable while
    another import is under way.
    """
    if not crud.try_to_import(db):
        raise Unavailable("Another import is under way.", retry_after=5)
    record = db.get_one(UserImport, import_id)
    owner = db.get(User, record.owner_id) if record.owner_id else None
    if owner is None:
        raise Invalid("Whoever sent the file has no account any more.")
    identity = Identity(owner.id, owner.role, 0)
    if not identity.may("users:write"):
        raise Forbidden("Whoever sent the file may not make users any more.")
    any_role = identity.may("users:admin")
    try:
        content = storage().read(record.source_key, limit=MAX_BYTES)
    except NotFound:
        raise Invalid("The file is gone. Send it again.") from None
    columns, rows = _open(content)
    report = Report()
    seen: dict[str, int] = {}
    while batch := list(islice(rows, BATCH)):
        good = [row for line, cells in batch if (row := _read(line, cells, columns, report, seen, any_role=any_role))]
        _create(db, good, report, owner_id=owner.id, invite=record.invite)
        attempt.check()
    attempt.lock_job(db)
    record.created, record.existing, record.failed = report.created, report.existing, report.failed
    record.faults = sorted(report.faults, key=lambda fault: fault["line"])
    record.finished_at = func.clock_timestamp()
    remove_later(db, prefix=posixpath.dirname(record.source_key) + "/")
    db.flush()


def on_status_change(db: Session, *, job: Job) -> None:
    """Remove the file when nobody will read it any more."""
    record = db.get(UserImport, job.args["import_id"])
    if record is not None and job.status in ENDED:
        remove_later(db, prefix=posixpath.dirname(record.source_key) + "/")


def _open(content: bytes) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The columns, and the rows with the lines they begin in. Invalid, at once or while they are read."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"The file is not UTF-8: see line {line}.", field="file") from None
    if "\0" in text:
        raise Invalid("The file is not text.", field="file")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = [cell.strip().lower() for cell in next(_rows(reader), (0, []))[1]]
    if unknown := [name for name in columns if name not in Row.model_fields]:
        known = ", ".join(Row.model_fields)
        raise Invalid(f"Line 1: there is no column {unknown[0][:40]!r}; there are {known}.", field="file")
    if missing := [name for name in REQUIRED if name not in columns]:
        raise Invalid(f"Line 1: the column {missing[0]!r} is missing.", field="file")
    if len(set(columns)) < len(columns):
        raise Invalid("Line 1: a column is there twice.", field="file")
    return columns, _rows(reader)


def _rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Invalid(f"Line {line}: {error}.", field="file") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _read(
    line: int, cells: list[str], columns: list[str], report: Report, seen: dict[str, int], *, any_role: bool
) -> tuple[int, Row] | None:
    """The row with its line, or None and the faults in the report."""
    faults: list[tuple[str, str]] = []
    row = None
    if len(cells) != len(columns):
        faults.append(("", f"There are {len(cells)} cells; the first line has {len(columns)}."))
    else:
        try:
            row = Row(**{name: cell for name, cell in zip(columns, cells, strict=True) if cell.strip()})
        except ValidationError as error:
            faults += [(str(e["loc"][0]), _reason(e["msg"], e["type"])) for e in error.errors()]
    if row is not None and row.role != Role.STUDENT and not any_role:
        faults.append(("role", "Only an admin makes somebody more than a student."))
    if row is not None and row.email in seen:
        faults.append(("email", f"It is on line {seen[row.email]} too."))
    for column, reason in faults:
        report.fault(line, column, reason)
    if faults or row is None:
        report.failed += 1
        return None
    seen[row.email] = line
    return line, row


def _reason(message: str, kind: str) -> str:
    return "It is missing." if kind == "missing" else message.removeprefix("Value error, ")


def _create(db: Session, rows: Sequence[tuple[int, Row]], report: Report, *, owner_id: int, invite: bool) -> None:
    emails = [row.email for _, row in rows]
    nicknames = [row.nickname.lower() for _, row in rows if row.nickname]
    taken, names = crud.existing(db, emails=emails, nicknames=nicknames)
    group_ids = groups.by_names(db, names={row.group for _, row in rows if row.group})
    values = []
    for line, row in rows:
        if row.email in taken:
            report.existing += 1
        elif row.nickname and row.nickname.lower() in names:
            report.fault(line, "nickname", "Somebody has this nickname already.")
            report.failed += 1
        elif row.group and row.group.lower() not in group_ids:
            report.fault(line, "group", f"There is no group {row.group}.")
            report.failed += 1
        else:
            if row.nickname:
                names.add(row.nickname.lower())
            values.append(_values(row, group_ids))
    if values:
        query = insert(User).values(values).on_conflict_do_nothing(index_elements=[User.email])
        made = db.scalars(query.returning(User.id)).all()
        report.created += len(made)
        report.existing += len(values) - len(made)
        audit.record_all(db, "user_created", origin=HERE, actor_id=owner_id, subject_ids=made)
        if invite:
            enqueue_all(db, INVITE, [{"user_id": user_id} for user_id in made])


def _values(row: Row, group_ids: dict[str, int]) -> dict[str, Any]:
    values = row.model_dump(exclude={"group"})
    language = get_settings().default_language
    return values | {
        "group_id": group_ids[row.group.lower()] if row.group else None,
        "about": "",
        "tech_stack": [],
        "language": language,
    }
