"""What a person's fields may hold: for requests and for rows of a file alike."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StringConstraints

RESERVED = frozenset({"search", "leaderboard", "import", "imports", "admin", "campus"})
_JOINERS = {0x200C: None, 0x200D: None}
SITES = {
    "telegram": ("t.me", "telegram.me"),
    "github": ("github.com",),
    "stepik": ("stepik.org",),
    "kaggle": ("kaggle.com",),
}


def _lower(email: str) -> str:
    return email.lower()


def _one_line(text: str) -> str:
    """Names stand on pages: no line breaks, no control characters. Persian and Indic scripts have joiners."""
    if not text.translate(_JOINERS).isprintable():
        raise ValueError("must not contain control characters")
    return text


def _plain(email: object) -> object:
    if isinstance(email, str) and (not email.isascii() or "<" in email):
        raise ValueError("must be an e-mail of ASCII characters, without a name")
    return email


def _free(nickname: str) -> str:
    if nickname.lower() in RESERVED:
        raise ValueError("is reserved")
    return nickname


def _address(site: str = "") -> AfterValidator:
    """An http(s) address, of one site where it is named."""

    def check(url: str) -> str:
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").removeprefix("www.")
        except ValueError:
            host = ""
        if (
            not host
            or parts.scheme not in ("http", "https")
            or parts.username is not None
            or " " in url
            or not url.isprintable()
        ):
            raise ValueError("must be an address that begins with https://")
        if site and (parts.scheme != "https" or host not in SITES[site]):
            raise ValueError(f"must be an address that begins with https://{SITES[site][0]}/")
        return url

    return AfterValidator(check)


_Url = Annotated[str, StringConstraints(min_length=1, max_length=200)]

Email = Annotated[EmailStr, BeforeValidator(_plain), AfterValidator(_lower), StringConstraints(max_length=254)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Patronymic = Annotated[str, StringConstraints(max_length=100), AfterValidator(_one_line)]
Nickname = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{2,29}$"), AfterValidator(_free)]
LearningClass = Annotated[str, StringConstraints(max_length=20), AfterValidator(_one_line)]
About = Annotated[str, StringConstraints(max_length=5000)]
Technology = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Telegram = Annotated[_Url, _address("telegram")]
Github = Annotated[_Url, _address("github")]
Stepik = Annotated[_Url, _address("stepik")]
Kaggle = Annotated[_Url, _address("kaggle")]
Website = Annotated[_Url, _address()]
MAX_POINTS = 2**31 - 1
NewPassword = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=8, max_length=256),
    Field(description="Any characters; not one of the common ones."),
]
