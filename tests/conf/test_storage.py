"""The same tests for both storages. S3 is a real HTTP server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conf import work
from conf.errors import NotFound, TooLarge, Unavailable
from conf.settings import Settings, get_settings
from conf.storage.base import Storage
from conf.storage.local import LocalStorage
from conf.storage.s3 import S3Storage
from tests.servers import free_port


@pytest.fixture(params=["local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "local":
        yield LocalStorage(tmp_path / "storage")
        return
    storage = S3Storage(request.getfixturevalue("s3_settings"))
    yield storage
    for key in list(storage.keys("")):
        storage._client.delete_object(Bucket="campus", Key=key)


def put(files: Storage, key: str, tmp_path: Path, content: bytes = b"content") -> None:
    path = tmp_path / "new"
    path.write_bytes(content)
    files.put(key, path)
    assert not path.exists()


def test_a_stored_file_can_be_read_fetched_and_listed(files: Storage, tmp_path: Path) -> None:
    put(files, "a/b/c.txt", tmp_path)
    assert files.read("a/b/c.txt", limit=100) == b"content"
    assert files.size("a/b/c.txt") == 7
    files.fetch("a/b/c.txt", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"
    assert list(files.keys("a/")) == ["a/b/c.txt"]


def test_a_large_file_is_stored_completely(files: Storage, tmp_path: Path) -> None:
    content = bytes(range(256)) * 200_000
    put(files, "a/large", tmp_path, content)
    files.fetch("a/large", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content


def test_removing_a_folder_removes_all_below_it_and_nothing_beside_it(files: Storage, tmp_path: Path) -> None:
    for key in ("v/1/x/a", "v/1/y/b", "v/12/z"):
        put(files, key, tmp_path)
    files.remove("v/1/")
    assert sorted(files.keys("v/")) == ["v/12/z"]
    files.remove("v/1/")


def test_a_missing_file_is_not_found(files: Storage, tmp_path: Path) -> None:
    for access in (
        lambda: files.read("none", limit=1),
        lambda: files.size("none"),
        lambda: files.fetch("none", tmp_path / "x"),
    ):
        with pytest.raises(NotFound):
            access()


def test_too_large_a_file_is_not_read_into_memory(files: Storage, tmp_path: Path) -> None:
    put(files, "a/b", tmp_path)
    with pytest.raises(TooLarge):
        files.read("a/b", limit=6)


@pytest.mark.parametrize("key", ["../x", "/x", "a//b", "a/./b", "a\\b", "a\0b", ""])
def test_a_key_that_is_a_path_is_refused(files: Storage, tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a storage key"):
        put(files, key, tmp_path)


def test_a_presigned_link_serves_ranges_directly(s3_settings: Settings, tmp_path: Path) -> None:
    files = S3Storage(s3_settings)
    put(files, "a/b.mp4", tmp_path)
    link = files.link("a/b.mp4", expires_s=60)
    assert link
    response = httpx.get(link, headers={"Range": "bytes=0-2"}, trust_env=False)
    assert (response.status_code, response.content) == (206, b"con")


def test_an_unreachable_storage_is_unavailable(s3_settings: Settings, tmp_path: Path) -> None:
    unreachable = S3Storage(s3_settings.model_copy(update={"s3_endpoint_url": f"http://127.0.0.1:{free_port()}"}))
    with pytest.raises(Unavailable):
        unreachable.check()
    with pytest.raises(Unavailable):
        put(unreachable, "a/b", tmp_path)
    with pytest.raises(Unavailable):
        S3Storage(s3_settings.model_copy(update={"s3_bucket": "none"})).check()


def test_a_file_can_be_moved_to_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LocalStorage(tmp_path / "storage")
    replace = Path.replace

    def cross(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(18, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", cross)
    put(files, "a/b", tmp_path)
    assert list(files.keys("")) == ["a/b"]


def test_a_bucket_can_be_created_in_any_region(s3_settings: Settings) -> None:
    settings = s3_settings.model_copy(update={"s3_bucket": "elsewhere", "s3_region": "eu-central-1"})
    S3Storage(settings).make_bucket()
    S3Storage(settings).check()


def test_an_abandoned_work_folder_is_removed_and_a_used_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "YOUNG_S", -1)
    root = get_settings().work_root
    with work.work_folder("used") as used:
        for name in ("dead", "dead-before-its-lock"):
            (root / name).mkdir(parents=True)
        (root / "dead" / work.LOCK).touch()
        assert work.sweep_work() == 2
        assert list(root.iterdir()) == [used]
    assert list(root.iterdir()) == []
