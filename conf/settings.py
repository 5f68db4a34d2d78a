"""Every setting of Campus, read once from the environment and from `.env`. `.env.example` lists them for operators."""

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
    """Sizes are in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    embedded: bool = False
    """Set by `manage.py up` when it runs PostgreSQL, the broker and the storage itself."""

    database_url: str
    database_read_url: str = ""
    """A replica for safe requests; the main database when empty."""
    broker_url: str = "amqp://guest:guest@127.0.0.1:5672//"

    secret_key: SecretStr
    """All signatures come from it: of tokens, of links to files. At least 32 bytes."""
    secret_keys_old: list[SecretStr] = []
    """Those before it, newest first: what they signed is still accepted."""
    public_url: str = "http://127.0.0.1:8000"
    """What clients put before a path to reach this API; links to files begin with it."""
    cors_origins: list[str] = []

    registration: bool = True
    """Whether people may make themselves an account, as students."""
    smtp_url: str = ""
    """smtp://user:password@host:587 (STARTTLS where offered) or smtps://host. Empty: mails go to `data_dir`/mails."""
    default_language: Language = Language.EN
    """en, ru or uk: of people of whom no other is known."""
    mail_from: str = "Campus <campus@localhost>"
    limits_url: str = ""
    """Redis that counts for all processes how often somebody asks: redis://. Empty: each process counts for itself."""
    limits_factor: float = Field(default=1, ge=0)
    """Multiplies every rate limit, for a campus whose people share an address; 0: no limits."""

    booking_page_url: str = ""
    """The page that shows patients a booking; mails lead there, with `#booking=…` and, for a guest, `&key=…` behind it.
    Empty: to the API's own address of it."""
    telegram_bot_token: SecretStr = SecretStr("")
    """Of the bot whose Mini App books; it checks what Telegram says of its users."""
    telegram_bot_id: int | None = Field(default=None, ge=1)
    """In place of the token, for who is not to have it: Telegram's own signature is checked then."""
    telegram_public_key: str = Field(
        default="e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d", pattern="^[0-9a-f]{64}$"
    )
    """Telegram's, as it publishes it; its test servers have another."""

    data_dir: Path = Path("data")
    work_dir: Path | None = None
    """Uploads and transcodes in progress; beside the stored files when empty, so that storing is a rename."""
    s3_bucket: str = ""
    """Names a bucket: files are kept in S3. Empty: in `data_dir`."""
    s3_endpoint_url: str = ""
    s3_public_endpoint_url: str = ""
    """Where clients reach the bucket, if not at `s3_endpoint_url`."""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")

    threads: int = Field(default=8, ge=1, le=256)
    """Per process: threads that serve requests, and as many connections to PostgreSQL; a quarter more of both for what
    computes long, as sign-ins do."""
    waiting_requests: int = Field(default=1024, ge=0)
    """Per process: requests that may wait for a thread; one more is answered 503."""
    body_max_bytes: int = Field(default=MIB, ge=1)
    upload_max_bytes: int = Field(default=2048 * MIB, ge=1)
    disk_reserve_bytes: int = Field(default=512 * MIB, ge=0)
    """An upload or a transcode is refused when it would leave less free than this."""

    lease_s: float = Field(default=30, gt=0)
    """A worker that is silent for so long has lost its job."""
    sweep_s: float = Field(default=15, gt=0)
    retry_base_s: float = Field(default=5, ge=0)
    """The wait before the second attempt; doubled for each one after, with jitter."""
    pending_file_s: float = Field(default=3600, gt=0)
    """Stored files that no transaction has claimed by then are removed."""
    worker_grace_s: float = Field(default=8, ge=0)
    """After SIGTERM a running job has so long to end; then it is put back in line."""
    heartbeat_file: Path | None = None
    """A worker touches it every 5 s, for an exec probe (`manage.py alive`)."""

    ffmpeg: str = ""
    """The ffmpeg to run; the one on PATH, else the one in the imageio-ffmpeg wheel, when empty."""
    sandbox: str = Field(default="auto", pattern="^(auto|required|off)$")
    """bubblewrap around ffmpeg: where it works, always (else refuse to work), or never."""
    ffmpeg_threads: int = Field(default=0, ge=0)

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    log_json: bool = True
    access_log: bool = True
    drain_s: float = Field(default=0, ge=0)
    """After SIGTERM: how long to go on serving with a failing readiness probe."""

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _psycopg2(cls, url: str) -> str:
        for prefix in ("postgresql://", "postgres://"):
            if url.startswith(prefix):
                url = "postgresql+psycopg2://" + url.removeprefix(prefix)
        if url and not url.startswith("postgresql+psycopg2://"):
            raise ValueError("must be a postgresql:// URL")
        if url:
            try:
                make_url(url)
            except (ArgumentError, ValueError):
                raise ValueError("is not a URL that can be read") from None
        return url

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        if not url.startswith(("amqp://", "amqps://", "redis://", "rediss://", "redis+socket://")):
            raise ValueError("must be an amqp:// or redis:// URL")
        return url

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _known_mail(cls, url: str) -> str:
        if url and not url.startswith(("smtp://", "smtps://")):
            raise ValueError("must be an smtp:// or smtps:// URL")
        return url

    @field_validator("limits_url")
    @classmethod
    def _known_limits(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://")):
            raise ValueError("must be a redis:// URL")
        return url

    @model_validator(mode="after")
    def _strong_secrets(self) -> Self:
        for name, secret in [("SECRET_KEY", self.secret_key), *(("SECRET_KEYS_OLD", s) for s in self.secret_keys_old)]:
            if len(secret.get_secret_value().encode()) < 32:
                raise ValueError(f"{name} must have at least 32 bytes")
            if secret.get_secret_value() == EXAMPLE_SECRET and not self.embedded:
                raise ValueError(f"{name} is the example's: make your own, e.g. with `openssl rand -hex 32`")
        return self

    @property
    def heavy_threads(self) -> int:
        return max(1, self.threads // 4)

    @property
    def storage_dir(self) -> Path:
        return self.data_dir / "storage"

    @property
    def work_root(self) -> Path:
        return self.work_dir or self.data_dir / "work"


@functools.cache
def get_settings() -> Settings:
    """The settings of this process. Ends it with one line and status 2 when they are not usable."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}".removeprefix(": ").removeprefix("Value error, ")
            for e in error.errors()
        ]
        print("campus: bad settings: " + "; ".join(faults) + " (see .env.example, or `make run`)", file=sys.stderr)
        raise SystemExit(2) from None
    except SettingsError as error:
        print(f"campus: bad settings: {error} (see .env.example, or `make run`)", file=sys.stderr)
        raise SystemExit(2) from None
