"""Import of users from a CSV file. Valid rows become users; invalid rows are reported with line, column and reason.

A row whose e-mail already has an account is skipped, so a file can be imported again without creating duplicates.
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
from sqlalchemy import Row as SelectedRow
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from conf._celery.enqueue import enqueue, enqueue_all
from conf._celery.models import ENDED, Job
from conf._celery.task import Attempt
from conf.db import rows
from conf.db.reads import Read
from conf.db.session import release_connection
from conf.errors import Forbidden, Invalid, NotFound, Unavailable
from conf.settings import get_settings
from conf.storage.incoming import IncomingFile
from conf.storage.store import new_files, remove_later, storage
from iam.audit import crud as audit
from iam.audit.crud import SYSTEM, Origin
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
    """One row of the file. Empty cells are left out, so they take the defaults."""

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

    def add_fault(self, line: int, column: str, reason: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append({"line": line, "column": column, "reason": reason})


def begin(db: Session, *, owner: Identity, origin: Origin, file: IncomingFile, invite: bool) -> UserImport:
    """Store the file and enqueue its import as the job `job_id`.

    Raises: Invalid, if it is not a CSV file in UTF-8 with the required columns, or has more than `MAX_ROWS` rows.
    """
    _, lines = _open(file.path.read_bytes())
    if sum(1 for _ in lines) > MAX_ROWS:
        raise Invalid(f"The file must have at most {MAX_ROWS} rows.", field="file")
    release_connection(db)
    with new_files(f"imports/{secrets.token_hex(6)}/") as files:
        key = files.put("users.csv", file.path)
        record = rows.save(db, UserImport(owner_id=owner.user_id, source_key=key, invite=invite, job_id=0, faults=[]))
        rows.save(db, record, job_id=enqueue(db, IMPORT, owner_id=owner.user_id, import_id=record.id).id)
        audit.record(db, "users_imported", origin=origin, actor_id=owner.user_id, import_id=record.id)
        files.claim(db, owner_id=owner.user_id)
    return record


_ONE = Read(select(*UserImport.__table__.c).where(UserImport.id == bindparam("import_id")))


def get(db: Session, *, import_id: int, viewer: Identity) -> SelectedRow[Any]:
    """Return the import. Raises: NotFound, also if the viewer is neither its owner nor an admin."""
    record: SelectedRow[Any] = _ONE.get(db, "import", import_id, import_id=import_id)
    if record.owner_id != viewer.user_id and not viewer.may("users:admin"):
        raise NotFound("import", import_id)
    return record


def run(db: Session, *, import_id: int, attempt: Attempt) -> None:
    """Create the users of the file and write the report, all in one transaction. Only one import runs at a time.

    The permissions that the owner has now apply, not those at the time of the upload. Raises: Forbidden, if the owner
    may no longer create users; Invalid, if the owner or the file no longer exists; Unavailable, while another import
    runs; Stopped.
    """
    if not crud.try_to_import(db):
        raise Unavailable("Another import is running. Try again later.", retry_after=5)
    record = db.get_one(UserImport, import_id)
    owner = db.get(User, record.owner_id) if record.owner_id else None
    if owner is None:
        raise Invalid("The account that started this import no longer exists.")
    identity = Identity(owner.id, owner.role, 0)
    if not identity.may("users:write"):
        raise Forbidden("The account that started this import may no longer create users.")
    any_role = identity.may("users:admin")
    try:
        content = storage().read(record.source_key, limit=MAX_BYTES)
    except NotFound:
        raise Invalid("The file no longer exists. Upload it again.") from None
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
    """Remove the file when the job has ended."""
    record = db.get(UserImport, job.args["import_id"])
    if record is not None and job.status in ENDED:
        remove_later(db, prefix=posixpath.dirname(record.source_key) + "/")


def _open(content: bytes) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the columns, and an iterator over the rows, each with the number of the line where it begins.

    Raises: Invalid, if the file is not such a CSV file; for a broken row only when the iterator reaches it.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"The file is not valid UTF-8: see line {line}.", field="file") from None
    if "\0" in text:
        raise Invalid("The file contains NUL characters, so it is not a text file.", field="file")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns = [cell.strip().lower() for cell in next(_rows(reader), (0, []))[1]]
    if unknown := [name for name in columns if name not in Row.model_fields]:
        known = ", ".join(Row.model_fields)
        raise Invalid(f"Line 1: unknown column {unknown[0][:40]!r}. The columns may be {known}.", field="file")
    if missing := [name for name in REQUIRED if name not in columns]:
        raise Invalid(f"Line 1: the column {missing[0]!r} is missing.", field="file")
    if len(set(columns)) < len(columns):
        raise Invalid("Line 1: a column occurs twice.", field="file")
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
    """Return the row with its line, or None if it is invalid; then its faults are in the report."""
    faults: list[tuple[str, str]] = []
    row = None
    if len(cells) != len(columns):
        faults.append(("", f"The row has {len(cells)} cells, but the first line has {len(columns)}."))
    else:
        try:
            row = Row(**{name: cell for name, cell in zip(columns, cells, strict=True) if cell.strip()})
        except ValidationError as error:
            faults += [(str(e["loc"][0]), _reason(e["msg"], e["type"])) for e in error.errors()]
    if row is not None and row.role != Role.STUDENT and not any_role:
        faults.append(("role", "Only an admin may give a role other than student."))
    if row is not None and row.email in seen:
        faults.append(("email", f"Line {seen[row.email]} has the same e-mail address."))
    for column, reason in faults:
        report.add_fault(line, column, reason)
    if faults or row is None:
        report.failed += 1
        return None
    seen[row.email] = line
    return line, row


def _reason(message: str, kind: str) -> str:
    return "The value is missing." if kind == "missing" else message.removeprefix("Value error, ")


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
            report.add_fault(line, "nickname", "Another account or an earlier row already has this nickname.")
            report.failed += 1
        elif row.group and row.group.lower() not in group_ids:
            report.add_fault(line, "group", f"There is no group with the name {row.group}.")
            report.failed += 1
        else:
            if row.nickname:
                names.add(row.nickname.lower())
            values.append(_values(row, group_ids))
    if values:
        query = insert(User).values(values).on_conflict_do_nothing(index_elements=[User.email])
        created = db.scalars(query.returning(User.id)).all()
        report.created += len(created)
        report.existing += len(values) - len(created)
        audit.record_all(db, "user_created", origin=SYSTEM, actor_id=owner_id, subject_ids=created)
        if invite:
            enqueue_all(db, INVITE, [{"user_id": user_id} for user_id in created])


def _values(row: Row, group_ids: dict[str, int]) -> dict[str, Any]:
    values = row.model_dump(exclude={"group"})
    language = get_settings().default_language
    return values | {
        "group_id": group_ids[row.group.lower()] if row.group else None,
        "about": "",
        "tech_stack": [],
        "language": language,
    }
