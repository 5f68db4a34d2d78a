"""Sending mails to a real SMTP server."""

import email
import email.policy
import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from conf import mail
from conf.errors import Unavailable
from conf.settings import get_settings
from tests.servers import free_port


class Inbox:
    def __init__(self) -> None:
        self.envelopes: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK" if "refuse" not in envelope.rcpt_tos[0] else "451 Later"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    settings = get_settings().model_copy(
        update={"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "Campus <campus@campus.example>"}
    )
    monkeypatch.setattr(mail, "get_settings", lambda: settings)
    yield inbox
    controller.stop()


def test_a_mail_arrives_as_it_was_written(inbox: Inbox) -> None:
    mail.send(to="ada@campus.example", subject="Пароль", text="Привет!\n")
    (envelope,) = inbox.envelopes
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert envelope.rcpt_tos == ["ada@campus.example"]
    assert (message["Subject"], message["From"]) == ("Пароль", "Campus <campus@campus.example>")
    assert message.get_content().replace("\r\n", "\n") == "Привет!\n"
    assert message["Message-ID"].endswith("@testserver>")


def test_a_server_that_refuses_a_mail_or_is_unreachable_is_unavailable(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable):
        mail.send(to="refuse@campus.example", subject="x", text="x")
    settings = get_settings().model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    monkeypatch.setattr(mail, "get_settings", lambda: settings)
    with pytest.raises(Unavailable):
        mail.send(to="ada@campus.example", subject="x", text="x")


def test_a_password_is_not_sent_to_a_server_without_authentication(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = getattr(mail, "get_settings")().smtp_url.rpartition(":")[2]  # noqa: B009
    settings = get_settings().model_copy(update={"smtp_url": f"smtp://me:p%40ss@127.0.0.1:{port}"})
    monkeypatch.setattr(mail, "get_settings", lambda: settings)
    with pytest.raises(Unavailable) as error:
        mail.send(to="ada@campus.example", subject="x", text="x")
    assert isinstance(error.value.__cause__, smtplib.SMTPNotSupportedError)
