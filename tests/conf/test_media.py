"""Signed links to stored files."""

import re

import pytest
from fastapi.testclient import TestClient

from conf.http import media
from conf.storage.base import assert_key
from conf.storage.store import storage


@pytest.fixture
def link(client: TestClient, tmp_path: object) -> str:
    path = tmp_path / "a.mp4"  # type: ignore[operator]
    path.write_bytes(bytes(range(256)) * 8)
    storage().put("videos/1/x/a.mp4", path)
    url = media.link("videos/1/x/a.mp4")
    assert url
    return url


def test_a_link_serves_the_file_with_ranges(client: TestClient, link: str) -> None:
    whole = client.get(link)
    assert (whole.status_code, len(whole.content), whole.headers["Content-Type"]) == (200, 2048, "video/mp4")
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = client.get(link, headers={"Range": "bytes=256-511"})
    assert (part.status_code, part.content) == (206, bytes(range(256)))
    assert part.headers["Content-Range"] == "bytes 256-511/2048"
    assert client.get(link, headers={"Range": "bytes=9999-"}).status_code == 416
    assert client.get(link, headers={"If-None-Match": whole.headers["ETag"]}).status_code in (200, 304)
    head = client.head(link)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "2048")


def test_a_grant_is_valid_for_the_files_of_its_folder_only(client: TestClient, link: str) -> None:
    grant = re.search(r"/media/([^/]+)/", link)[1]  # type: ignore[index]
    assert client.get(f"/media/{grant}/videos/1/x/none.mp4").status_code == 404
    for other in ("videos/1/y/a.mp4", "videos/1/a.mp4", "videos/1/x/y/a.mp4"):
        assert client.get(f"/media/{grant}/{other}").status_code in (403, 404)


@pytest.mark.parametrize("grant", ["x", "-", "6b0187c0", "6b0187c0-", "0-AAAA", "zz-" + "A" * 24, "é-é", "9" * 400])
def test_a_forged_grant_is_refused(client: TestClient, link: str, grant: str) -> None:
    answer = client.get(f"/media/{grant}/videos/1/x/a.mp4")
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_expired_link_is_refused(client: TestClient, link: str) -> None:
    old = media._link("videos/1/x/a.mp4", 1_000_000_000)
    answer = client.get(old)
    assert (answer.status_code, "expired" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("key", ["../secret", "videos/../../secret", "/etc/passwd", "a//b", ".", "%00", "a%5Cb"])
def test_paths_outside_the_storage_are_refused(client: TestClient, key: str) -> None:
    assert client.get(f"/media/x-y/{key}").status_code in (403, 404)


def test_a_link_does_not_change_within_a_step() -> None:
    assert media.link("videos/1/x/a.mp4") == media.link("videos/1/x/a.mp4")
    assert media.link(None) is None


@pytest.mark.parametrize("key", ["a" * 5000, "a/" * 600 + "a", "ä" * 200])
def test_a_name_that_is_too_long_is_not_found(anonymous: TestClient, key: str) -> None:
    assert anonymous.get(f"/media/1-x/{key}").status_code in (403, 404)
    with pytest.raises(ValueError, match="too long"):
        assert_key(key)
