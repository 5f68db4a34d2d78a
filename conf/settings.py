"""All settings of Campus, read once from the environment and from `.env`. `.env.example` lists them for operators."""

import functools
import sys
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from conf.values import Language

EXAMPLE_SECRET = "change-me-change-me-change-me-change-me"  # noqa: S105  # refused below
MIB = 1024 * 1024


class Settings(BaseSettings):
    """The settings of a process. Each is the environment variable of the same name in upper case.

    Sizes are in bytes, times in seconds.
    """

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    embedded: bool = False
    """Whether Campus runs in the embedded mode (`manage.py up`). Not for operators: `manage.py up` sets it."""

    database_url: str
    """URL of the main PostgreSQL database: `postgresql://user:password@host:5432/name`."""
    database_read_url: str = ""
    """URL of a read replica for safe requests (GET, HEAD, OPTIONS). Empty: the main database serves them too."""
    broker_url: str = "amqp://guest:guest@127.0.0.1:5672//"
    """URL of the message broker: `amqp://` or `amqps://` (RabbitMQ), `redis://` or `rediss://` (Valkey, Redis). For a
    RabbitMQ cluster, a list of URLs separated by `;`: the next one is used if one does not answer."""

    secret_key: SecretStr
    """Secret from which all keys are derived, such as those that sign tokens and links to files. At least 32 bytes."""
    secret_keys_old: list[SecretStr] = []
    """Earlier values of `secret_key`, newest first. Signatures made with them are still accepted. Default: none."""
    public_url: str = "http://127.0.0.1:8000"
    """URL at which clients reach this API. Links to files begin with it. It is also the issuer (`iss`) of access
    tokens: those issued before a change are no longer accepted."""
    cors_origins: list[str] = []
    """Origins whose web pages may call the API from a browser (CORS): `["https://campus.example"]`. Default: none."""

    registration: bool = True
    """Whether people may register themselves, as students."""
    smtp_url: str = ""
    """URL of the mail server: `smtp://user:password@host:587` (uses STARTTLS if the server offers it) or
    `smtps://user:password@host`. Empty: mails are written to the folder `data_dir`/mails."""
    default_language: Language = Language.EN
    """Language of people whose language is not known: `en`, `ru` or `uk`."""
    mail_from: str = "Campus <campus@localhost>"
    """Sender of all e-mails (the header `From`)."""
    limits_url: str = ""
    """URL of the Redis in which all processes count requests for the rate limits: `redis://` or `rediss://`. Empty: the
    limits apply to each process separately."""
    limits_factor: float = Field(default=1, ge=0)
    """Factor by which every rate limit is multiplied, for a campus whose people share an IP address. 0: no limits."""

    confirm_guests: bool | None = None
    """Whether a guest's booking is `pending` until the guest opens the link in the mail. Default: yes, if `smtp_url` is
    set."""
    booking_page_url: str = ""
    """URL of the web page that shows patients a booking. Links in e-mails have `#booking=<id>` after it and, for
    guests, `&key=<key>`. Empty: links lead to the booking in the API."""
    telegram_bot_token: SecretStr = SecretStr("")
    """Token of the Telegram bot whose Mini App makes bookings. It verifies the `hash` of Telegram's `initData`. If
    neither it nor `telegram_bot_id` is set, bookings from Telegram are refused."""
    telegram_bot_id: int | None = Field(default=None, ge=1)
    """Id of that bot, for an installation that must not have the token. Then only Telegram's own `signature` is
    verified. Ignored if the token is set."""
    telegram_public_key: str = Field(
        default="e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d", pattern="^[0-9a-f]{64}$"
    )
    """Public Ed25519 key that verifies `signature`, as 64 hexadecimal digits. The default is the key that Telegram
    publishes for production; its test environment has another."""

    data_dir: Path = Path("data")
    """Folder for stored files (unless `s3_bucket` is set), work in progress and unsent e-mails."""
    work_dir: Path | None = None
    """Folder for uploads and transcodes in progress. Default: `data_dir`/work, which is on the same file system as the
    stored files, so that storing a file is a rename."""
    s3_bucket: str = ""
    """Name of the S3 bucket in which files are stored. Empty: they are stored in `data_dir`/storage."""
    s3_endpoint_url: str = ""
    """URL of the S3 service, for servers other than AWS. Empty: AWS."""
    s3_public_endpoint_url: str = ""
    """URL of the S3 service for clients, used in signed links. Empty: the same as `s3_endpoint_url`."""
    s3_region: str = "us-east-1"
    """Region of the bucket."""
    s3_access_key_id: str = ""
    """Access key of the S3 service. Empty: boto3 looks for credentials itself, such as those of the AWS instance."""
    s3_secret_access_key: SecretStr = SecretStr("")
    """Secret that belongs to `s3_access_key_id`."""

    threads: int = Field(default=8, ge=1, le=256)
    """Threads per process that serve requests. A quarter as many more, at least one, serve requests that compute for
    long, such as sign-ins. A process opens up to one connection per thread to the main database, and as many again to
    the read replica, or to the main database if there is none."""
    waiting_requests: int = Field(default=1024, ge=0)
    """Requests per process that may wait for a thread. Further requests get a 503 response."""
    body_max_bytes: int = Field(default=64 * 1024, ge=1)
    """Largest request body, apart from uploaded files and from routes that have a limit of their own. Default: 64
    KiB."""
    upload_max_bytes: int = Field(default=2048 * MIB, ge=1)
    """Largest uploaded file, on routes that have no limit of their own. Default: 2 GiB."""
    disk_reserve_bytes: int = Field(default=512 * MIB, ge=0)
    """Disk space that must stay free. Uploads and transcodes that would leave less are refused. Default: 512 MiB."""

    quota_bytes: int = Field(default=50 * 1024 * MIB, ge=0)
    """Bytes of stored files that an account may have: its uploads, and what is made from them. Default: 50 GiB. 0: no
    limit."""

    video_max_pixels: int = Field(default=1_000_000_000_000, ge=1)
    """Largest video: width × height × frame rate × seconds, which the time of processing is proportional to. Default:
    10¹², which is 4.5 hours of 1080p with 30 frames per second, or 34 minutes of 4K with 60."""

    lease_s: float = Field(default=30, gt=0)
    """Seconds after which a running job is taken from a worker that has sent no heartbeat."""
    sweep_s: float = Field(default=15, gt=0)
    """Seconds between two runs of the sweep, which requeues jobs of dead workers and publishes due jobs again."""
    retry_base_s: float = Field(default=5, ge=0)
    """Seconds before the first retry of a failed job. The delay doubles with each retry, up to an hour, with jitter."""
    pending_file_s: float = Field(default=3600, gt=0)
    """Seconds after which a stored file is removed if no transaction has claimed it."""
    worker_grace_s: float = Field(default=8, ge=0)
    """Seconds that a running job has to end after its worker received SIGTERM. Then it is requeued."""
    heartbeat_file: Path | None = None
    """File that a worker touches every 5 s, for an exec probe with `manage.py alive`. Default: none."""

    ffmpeg: str = ""
    """Path of the ffmpeg program. Empty: the one on PATH if it is suitable, or else the one in the wheel
    imageio-ffmpeg."""
    sandbox: str = Field(default="auto", pattern="^(auto|required|off)$")
    """Whether ffmpeg and other programs that read uploaded files run in bubblewrap. `required`: always; where it does
    not work, workers do not start. `off`: never. `auto`: as `required`; in the embedded mode, only where it works."""
    ffmpeg_threads: int = Field(default=0, ge=0)
    """Threads of ffmpeg. 0: ffmpeg's default, which is about one per core."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """Lowest level that is logged."""
    log_json: bool = True
    """Whether each log entry is a JSON object. False: plain text."""
    access_log: bool = True
    """Whether each request is logged."""
    drain_s: float = Field(default=0, ge=0)
    """Seconds for which a process still serves requests after SIGTERM, while its readiness probe fails."""

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _psycopg2(cls, url: str) -> str:
        for prefix in ("postgresql://", "postgres://"):
            if url.startswith(prefix):
                url = "postgresql+psycopg2://" + url.removeprefix(prefix)
        if url and not url.startswith("postgresql+psycopg2://"):
            raise ValueError("must begin with postgresql://")
        if url:
            try:
                make_url(url)
            except (ArgumentError, ValueError):
                raise ValueError("is not a valid URL") from None
        return url

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        urls = url.split(";")
        if not all(one.startswith(("amqp://", "amqps://", "redis://", "rediss://", "redis+socket://")) for one in urls):
            raise ValueError("must begin with amqp://, amqps://, redis://, rediss:// or redis+socket://")
        schemes = {one.partition("://")[0] for one in urls}
        if len(urls) > 1 and not (len(schemes) == 1 and schemes <= {"amqp", "amqps"}):
            raise ValueError("may be a list only of amqp:// URLs, or only of amqps:// URLs")
        return url

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _known_mail(cls, url: str) -> str:
        if url and not url.startswith(("smtp://", "smtps://")):
            raise ValueError("must begin with smtp:// or smtps://")
        return url

    @field_validator("limits_url")
    @classmethod
    def _known_limits(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://")):
            raise ValueError("must begin with redis:// or rediss://")
        return url

    @model_validator(mode="after")
    def _strong_secrets(self) -> Self:
        for name, secret in [("SECRET_KEY", self.secret_key), *(("SECRET_KEYS_OLD", s) for s in self.secret_keys_old)]:
            if len(secret.get_secret_value().encode()) < 32:
                raise ValueError(f"{name} must have at least 32 bytes")
            if secret.get_secret_value() == EXAMPLE_SECRET and not self.embedded:
                raise ValueError(f"{name} is that of .env.example: generate your own with `openssl rand -hex 32`")
        return self

    @property
    def guests_must_confirm(self) -> bool:
        """Whether guests must confirm their bookings."""
        return bool(self.smtp_url) if self.confirm_guests is None else self.confirm_guests

    @property
    def heavy_threads(self) -> int:
        """Number of the threads per process for requests that compute for long."""
        return max(1, self.threads // 4)

    @property
    def storage_dir(self) -> Path:
        """Folder of stored files, if they are not in S3."""
        return self.data_dir / "storage"

    @property
    def work_root(self) -> Path:
        """Folder of uploads and transcodes in progress."""
        return self.work_dir or self.data_dir / "work"


@functools.cache
def get_settings() -> Settings:
    """Return the settings of this process. If they are invalid, print one line and exit with status 2."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}".removeprefix(": ").removeprefix("Value error, ")
            for e in error.errors()
        ]
        print("campus: invalid settings: " + "; ".join(faults) + " (see .env.example, or `make run`)", file=sys.stderr)
        raise SystemExit(2) from None
    except SettingsError as error:
        print(f"campus: invalid settings: {error} (see .env.example, or `make run`)", file=sys.stderr)
        raise SystemExit(2) from None
