"""Types of the fields of an account, for request bodies and for the rows of an imported file."""

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
    """Refuse line breaks and control characters. The zero-width joiners of Persian and Indic scripts are allowed."""
    if not text.translate(_JOINERS).isprintable():
        raise ValueError("The text must not contain line breaks or control characters.")
    return text


def _address_alone(email: object) -> object:
    if isinstance(email, str) and (not email.isascii() or "<" in email):
        raise ValueError("The e-mail address must consist of ASCII characters and have no display name.")
    return email


def _not_reserved(nickname: str) -> str:
    if nickname.lower() in RESERVED:
        raise ValueError("This nickname is reserved. Choose another one.")
    return nickname


def _url(site: str = "") -> AfterValidator:
    """Accept an http or https URL without user name; with `site`, only an https URL of that site."""
    beginning = f"https://{SITES[site][0]}/" if site else "https:// or http://"

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
            or (site and (parts.scheme != "https" or host not in SITES[site]))
        ):
            raise ValueError(f"Enter a URL that begins with {beginning}.")
        return url

    return AfterValidator(check)


MAX_POINTS = 2**31 - 1

_Link = Annotated[str, StringConstraints(min_length=1, max_length=200)]

Email = Annotated[
    EmailStr,
    BeforeValidator(_address_alone),
    AfterValidator(_lower),
    StringConstraints(max_length=254),
    Field(
        description="E-mail address in ASCII characters, without a display name. It is stored in lower case.",
        examples=["ada.lovelace@campus.example"],
    ),
]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line), Field(examples=["Ada"])
]
LastName = Annotated[Name, Field(examples=["Lovelace"])]
Patronymic = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_one_line),
    Field(description="Name derived from the father's first name; empty if there is none.", examples=["Ivanovna"]),
]
Nickname = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{2,29}$"),
    AfterValidator(_not_reserved),
    Field(
        description="3 to 30 ASCII letters, digits and `_.-`, beginning with a letter. No two users have the same one; "
        "case is ignored.",
        examples=["ada.lovelace"],
    ),
]
LearningClass = Annotated[
    str,
    StringConstraints(max_length=20),
    AfterValidator(_one_line),
    Field(description="School class, such as `9A`; empty if there is none.", examples=["9A"]),
]
About = Annotated[
    str,
    StringConstraints(max_length=5000),
    Field(
        description="What the user writes about themselves. It may have several lines.",
        examples=["I like analytical engines."],
    ),
]
Technology = Annotated[str, StringConstraints(min_length=1, max_length=50), Field(examples=["Python"])]
Telegram = Annotated[
    _Link, _url("telegram"), Field(description="Link to a Telegram account.", examples=["https://t.me/ada_lovelace"])
]
Github = Annotated[
    _Link, _url("github"), Field(description="Link to a GitHub account.", examples=["https://github.com/ada-lovelace"])
]
Stepik = Annotated[
    _Link, _url("stepik"), Field(description="Link to a Stepik account.", examples=["https://stepik.org/users/1815"])
]
Kaggle = Annotated[
    _Link,
    _url("kaggle"),
    Field(description="Link to a Kaggle account.", examples=["https://www.kaggle.com/adalovelace"]),
]
Website = Annotated[
    _Link, _url(), Field(description="URL that begins with https:// or http://.", examples=["https://ada.example/"])
]
NewPassword = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=8, max_length=256),
    Field(
        description="8 to 256 characters of any kind; not a common password, the e-mail address or the nickname.",
        examples=["correct horse battery staple"],
    ),
]
