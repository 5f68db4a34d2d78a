"""Domain errors: what went wrong in the words of the domain, with no HTTP in them.

CampusError
├── NotFound       there is no such thing, or you may not know of it
├── Conflict       it cannot be done in the present state
├── Changed        it is no longer what you have seen
├── VersionRequired  say what you have seen of it
├── Unauthenticated  who are you? Sign in, or sign in again
├── Forbidden      you may not do this
├── Invalid        a value is wrong; `field` names it
├── Unreadable     what was sent cannot be read at all
├── TooLarge       more bytes than allowed
├── Unsupported    a kind of file or body that is not accepted
├── NotAcceptable   no format of the answer that you take
├── TooMany        you ask too often; try again after `retry_after` seconds
└── Unavailable    not now; try again after `retry_after` seconds

`conf.http.problems` holds the one table that turns them into answers.
"""


class CampusError(Exception):
    """The root. `detail` is a sentence for a person and reaches the client.

    `keep_writes`: commit what the request wrote before the error, such as an audit event of a refused sign-in.
    `more`: further members of the response, JSON values by name, such as the next free slots.
    """

    def __init__(self, detail: str, *, field: str | None = None, keep_writes: bool = False, **more: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.keep_writes = keep_writes
        self.more = more


class NotFound(CampusError):
    def __init__(self, what: str, key: object, *, field: str | None = None) -> None:
        super().__init__(f"There is no {what} {key}.", field=field)


class Conflict(CampusError):
    pass


class Changed(CampusError):
    pass


class VersionRequired(CampusError):
    pass


class Unauthenticated(CampusError):
    pass


class Forbidden(CampusError):
    pass


class Invalid(CampusError):
    pass


class Unreadable(CampusError):
    pass


class TooLarge(CampusError):
    pass


class Unsupported(CampusError):
    pass


class NotAcceptable(CampusError):
    pass


class TooMany(CampusError):
    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(CampusError):
    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
