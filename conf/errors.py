"""Domain errors, independent of HTTP: `conf.http.problems` maps each of them to a status code.

CampusError
├── NotFound         it does not exist, or the caller may not know that it exists
├── Conflict         it is not possible in the present state
├── VersionMismatch  it has changed since the caller read it
├── VersionRequired  the caller must say which version of it they have read
├── Unauthenticated  the caller is not signed in, or no longer
├── Forbidden        the caller lacks the permission
├── Invalid          a value is invalid; `field` is its name
├── Unreadable       the input cannot be parsed
├── TooLarge         the input is larger than allowed
├── Unsupported      this type of file or request body is not supported
├── NotAcceptable    none of the response formats is acceptable to the client
├── RateLimited      the rate limit is exceeded; retry after `retry_after` seconds
├── TimedOut         the request did not arrive in time
└── Unavailable      it is temporarily not possible; retry after `retry_after` seconds
    └── StorageFull  there is no space for a file: the disk is full, or the account's quota is used up
"""


class CampusError(Exception):
    """The base class. `detail` is a sentence for the user and part of the response.

    `field`: the name of the invalid field or parameter.
    `keep_writes`: commit what the request wrote before the error, such as the audit event of a failed sign-in.
    `more`: additional members of the response, JSON values by name, such as the next free slots.
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


class VersionMismatch(CampusError):
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


class RateLimited(CampusError):
    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TimedOut(CampusError):
    pass


class Unavailable(CampusError):
    def __init__(self, detail: str, *, retry_after: int = 1, field: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    pass
