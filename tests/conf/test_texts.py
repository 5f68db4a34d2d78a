import datetime as dt
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor

from conf import texts
from conf.texts import Texts, clock
from conf.values import Language

ROOT = Path(__file__).parents[2]
RESOURCES = sorted(path.parent.name for path in ROOT.glob("*/texts"))


class Variables(Visitor):
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802  # the name that the library calls
        self.found.add(node.id.name)


def messages(resource: str, language: str) -> dict[str, set[str]]:
    """Return the variables of each message. Fails if the file cannot be parsed."""
    parsed = FluentParser().parse((ROOT / resource / "texts" / f"{language}.ftl").read_text())
    found = {}
    for entry in parsed.body:
        assert not isinstance(entry, ast.Junk), entry.content
        if isinstance(entry, ast.Message):
            variables = Variables()
            variables.visit(entry)
            found[entry.id.name] = variables.found
    return found


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_language_has_every_message_with_the_same_variables(resource: str) -> None:
    files = {path.stem for path in (ROOT / resource / "texts").glob("*.ftl")}
    assert files == {language.value for language in Language}
    first, *others = (messages(resource, language) for language in Language)
    for other in others:
        assert other == first


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_message_is_used_and_every_used_message_exists(resource: str) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / resource).rglob("*.py"))
    known = set(messages(resource, "en"))
    assert known == {name for name in known if f'"{name}"' in source}
    assert set(re.findall(r'TEXTS\([\w.]+, "([\w-]+)"', source)) <= known


def test_a_missing_message_or_value_is_an_error() -> None:
    with pytest.raises(LookupError, match="no message nonsense"):
        Texts("iam")(Language.EN, "nonsense")
    with pytest.raises(ValueError, match="link"):
        Texts("iam")(Language.EN, "welcome")


def test_local_times_are_formatted_in_each_language() -> None:
    moment = dt.datetime(2026, 11, 21, 7, 30, tzinfo=dt.UTC)
    assert clock(moment, "Europe/Kyiv") == "Saturday, 21 November 2026, 09:30 (Europe/Kyiv)"
    assert clock(moment, "Europe/Kyiv", Language.UK) == "субота, 21 листопада 2026, 09:30 (Europe/Kyiv)"
    assert clock(moment, "Europe/Kyiv", Language.RU).startswith("суббота, 21 ноября 2026")


@pytest.mark.parametrize(
    ("accepted", "subject"),
    [
        ("uk-UA,uk;q=0.9,en;q=0.5", "Ласкаво просимо до Campus"),
        ("fr, ru;q=0.3, en;q=0.2", "Добро пожаловать в Campus"),
        ("fr", "Welcome to Campus"),
        (";;q=,,uk;q=x", "Welcome to Campus"),
    ],
)
def test_mails_are_in_the_language_of_the_registration(
    anonymous: TestClient, run_jobs: object, monkeypatch: pytest.MonkeyPatch, accepted: str, subject: str
) -> None:
    sent: list[str] = []
    monkeypatch.setattr("conf.mail.send", lambda **mail: sent.append(mail["subject"]))
    person = {"email": "a@b.example", "password": "correct horse 7", "first_name": "A", "last_name": "B"}
    response = anonymous.post("/api/v1/auth/register/", json=person, headers={"Accept-Language": accepted})
    assert response.status_code == 201
    assert callable(run_jobs)
    run_jobs()
    assert sent == [subject]


def test_a_user_can_change_the_language(client: TestClient) -> None:
    me = client.get("/api/v1/auth/me/").json()
    assert me["language"] == "en"
    assert client.patch(f"/api/v1/users/{me['id']}/", json={"language": "ru"}).status_code == 200
    assert client.get("/api/v1/auth/me/").json()["language"] == "ru"
    assert client.patch(f"/api/v1/users/{me['id']}/", json={"language": "fr"}).status_code == 422


def test_texts_are_in_the_folder_of_their_resource() -> None:
    assert texts.ROOT == ROOT
    assert "iam" in RESOURCES
