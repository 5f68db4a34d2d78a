"""Send plain-text mails: by SMTP, or into a folder if SMTP_URL is empty. Call it from jobs, which are retried."""

import email.utils
import smtplib
import ssl
import time
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import structlog

from conf.errors import Unavailable
from conf.settings import Settings, get_settings

log = structlog.get_logger(__name__)

TIMEOUT_S = 20


@dataclass(frozen=True)
class Attachment:
    """A text file. `kind` is the media subtype (`text/<kind>`), `parameters` are those of the media type."""

    name: str
    content: bytes
    kind: str
    parameters: dict[str, str]


def send(*, to: str, subject: str, text: str, attached: Attachment | None = None) -> None:
    """Send the mail. Raises: Unavailable, if the mail server cannot be reached or refuses it."""
    settings = get_settings()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = email.utils.make_msgid(domain=urlsplit(settings.public_url).hostname)
    message.set_content(text, cte=None if settings.smtp_url else "8bit")  # in the folder, links should be copyable
    if attached is not None:
        message.add_attachment(
            attached.content,
            maintype="text",
            subtype=attached.kind,
            filename=attached.name,
            params={"charset": "utf-8", **attached.parameters},
        )
    if settings.smtp_url:
        _by_smtp(message, settings)
    else:
        _into_folder(message, settings)


def _by_smtp(message: EmailMessage, settings: Settings) -> None:
    server = urlsplit(settings.smtp_url)
    host, tls = server.hostname or "localhost", ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(host, server.port or 465, timeout=TIMEOUT_S, context=tls)
            if server.scheme == "smtps"
            else smtplib.SMTP(host, server.port or 587, timeout=TIMEOUT_S)
        ) as smtp:
            smtp.ehlo()
            if server.scheme == "smtp" and smtp.has_extn("starttls"):
                smtp.starttls(context=tls)
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        log.warning("the mail server did not accept an e-mail", error=type(error).__name__)
        raise Unavailable("The mail server does not accept e-mails at the moment.", retry_after=60) from error


def _into_folder(message: EmailMessage, settings: Settings) -> None:
    folder = settings.data_dir / "mails"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}.eml"
    path.write_bytes(message.as_bytes())
    log.warning("SMTP_URL is not set: an e-mail was written to a file", path=str(path), subject=message["Subject"])
