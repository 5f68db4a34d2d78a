"""Files in an S3 bucket. This is the only module that imports boto3."""

import contextlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from conf.errors import NotFound, TooLarge, Unavailable
from conf.settings import Settings
from conf.storage.base import assert_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef, CreateBucketConfigurationTypeDef

MIB = 1024 * 1024
_TRANSFER = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4)
mimetypes.add_type("application/vnd.apple.mpegurl", ".m3u8")


class S3Storage:
    """A `Storage` in an S3 bucket."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._region: Any = settings.s3_region
        self._client = _client(settings, settings.s3_endpoint_url)
        self._public = (
            _client(settings, settings.s3_public_endpoint_url) if settings.s3_public_endpoint_url else self._client
        )

    def put(self, key: str, path: Path) -> None:
        assert_key(key)
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        with _as_unavailable():
            self._client.upload_file(str(path), self._bucket, key, ExtraArgs={"ContentType": kind}, Config=_TRANSFER)
        path.unlink()

    def fetch(self, key: str, path: Path) -> None:
        with _as_unavailable(key):
            self._client.download_file(self._bucket, key, str(path), Config=_TRANSFER)

    def read(self, key: str, *, limit: int) -> bytes:
        with _as_unavailable(key):
            response = self._client.get_object(Bucket=self._bucket, Key=key)
            if response["ContentLength"] > limit:
                response["Body"].close()
                raise TooLarge(f"{key} has more than {limit} bytes")
            return response["Body"].read()

    def size(self, key: str) -> int:
        with _as_unavailable(key):
            return self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]

    def keys(self, prefix: str) -> Iterator[str]:
        with _as_unavailable():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield item["Key"]

    def remove(self, prefix: str) -> None:
        assert_key(prefix.removesuffix("/"))
        with _as_unavailable():
            for key in self.keys(prefix):
                self._client.delete_object(Bucket=self._bucket, Key=key)
            for upload in self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=prefix).get("Uploads", []):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def link(self, key: str, *, expires_s: int, head: bool = False) -> str | None:
        return self._public.generate_presigned_url(
            "head_object" if head else "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_s
        )

    def path(self, key: str) -> Path | None:  # noqa: ARG002  # the signature of the Protocol
        return None

    def make_bucket(self) -> None:
        """Create the bucket if it does not exist. Let web pages of all origins use signed links to it (CORS)."""
        try:
            self.check()
        except Unavailable:
            with _as_unavailable():
                if self._region == "us-east-1":  # the only region that must not be named
                    self._client.create_bucket(Bucket=self._bucket)
                else:
                    location: CreateBucketConfigurationTypeDef = {"LocationConstraint": self._region}
                    self._client.create_bucket(Bucket=self._bucket, CreateBucketConfiguration=location)
        rule: CORSRuleTypeDef = {"AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
        with _as_unavailable():
            self._client.put_bucket_cors(Bucket=self._bucket, CORSConfiguration={"CORSRules": [rule]})

    def check(self) -> None:
        with _as_unavailable():
            self._client.head_bucket(Bucket=self._bucket)


def _client(settings: Settings, endpoint: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id or None,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
        config=Config(
            signature_version="s3v4",
            connect_timeout=3,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=max(10, settings.threads),
            s3={"addressing_style": "path" if endpoint else "auto"},
            # Only AWS supports checksum trailers. Other servers refuse them.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@contextlib.contextmanager
def _as_unavailable(key: str = "") -> Iterator[None]:
    """Convert errors of the S3 client to NotFound, for the file `key`, or Unavailable."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey") and key:
            raise NotFound("file", key) from error
        raise Unavailable("The file storage refused the request.", retry_after=5) from error
    except (BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise Unavailable("The file storage is not available.", retry_after=5) from error
