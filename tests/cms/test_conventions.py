"""HTTP conventions of all routes: ETag, If-Match, HEAD, OPTIONS, compression, security headers, invalid values."""

import datetime as dt
import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.system import System

VIDEOS = "/api/v2/videos/"
PROTOBUF = {"Accept": "application/protobuf"}


def make(client: TestClient, **fields: Any) -> str:
    """Create a video and return its path."""
    return str(client.post(VIDEOS, json={"title": "Algebra"} | fields).headers["Location"])


def test_if_none_match_with_the_current_etag_returns_304(client: TestClient) -> None:
    video = make(client)
    first = client.get(video)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(video, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(video, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(video, headers={"If-None-Match": tag} | PROTOBUF).status_code == 200
    client.patch(video, json={"title": "Geometry"}, headers={"If-Match": tag})
    assert client.get(video, headers={"If-None-Match": tag}).status_code == 200
    page = client.get(VIDEOS)
    assert client.get(VIDEOS, headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_an_etag_differs_between_callers(client: TestClient) -> None:
    """Only the owner of an unlisted video gets its `share_key`."""
    video = make(client, visibility="unlisted")
    key = client.get(video).json()["share_key"]
    mine = client.get(video).headers["ETag"]
    client.headers.pop("Authorization")
    theirs = client.get(video, params={"key": key}, headers={"If-None-Match": mine})
    assert (theirs.status_code, theirs.json()["share_key"]) == (200, None)


def test_patch_requires_if_match_with_the_current_etag(client: TestClient) -> None:
    video = make(client)
    tag = client.get(video).headers["ETag"]

    def change(title: str, **headers: str) -> Any:
        return client.patch(video, json={"title": title}, headers={k.replace("_", "-"): v for k, v in headers.items()})

    assert change("a").status_code == 428
    done = change("b", If_Match=tag)
    assert (done.status_code, done.json()["title"]) == (200, "b")
    for stale in (tag, f"W/{done.headers['ETag']}", '"nonsense"', "nonsense", ""):
        refused = change("c", If_Match=stale)
        assert (refused.status_code, refused.headers["Content-Type"]) == (412, "application/problem+json")
    assert change("d", If_Match=f'"other", {client.get(video).headers["ETag"]}').status_code == 200
    assert change("e", If_Match=client.get(video, headers=PROTOBUF).headers["ETag"]).status_code == 200
    assert change("f", If_Match="*").status_code == 200
    assert client.delete(video, headers={"If-Match": tag}).status_code == 412
    assert client.delete(video, headers={"If-Match": client.get(video).headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/api/v1/videos/", {"title": "x"}, {"title": "y"}),
        ("/api/v1/groups/", {"name": "x"}, {"name": "y"}),
        ("/api/v1/clients/", {"name": "x", "redirect_uris": ["https://a.example/"]}, {"name": "y"}),
        ("/api/v1/users/", {"email": "x@campus.example", "first_name": "x", "last_name": "x"}, {"first_name": "y"}),
    ],
)
def test_if_match_is_optional_in_v1(client: TestClient, path: str, body: Any, change: Any) -> None:
    one = client.post(path, json=body).headers["Location"]
    tag = client.get(one).headers["ETag"]
    changed = client.patch(one, json=change)
    assert changed.status_code == 200
    assert client.patch(one, json=change, headers={"If-Match": tag}).status_code == 412
    assert client.patch(one, json=change, headers={"If-Match": client.get(one).headers["ETag"]}).status_code == 200
    assert client.delete(one, headers={"If-Match": tag}).status_code == 412
    assert client.delete(one).status_code == 204


def test_one_of_concurrent_updates_with_the_same_etag_succeeds(api: System) -> None:
    video = api.client.post(VIDEOS, json={"title": "x"}).headers["Location"]
    for number in range(5):
        tag = api.client.get(video).headers["ETag"]

        def change(title: str, tag: str = tag) -> int:
            return api.client.patch(video, json={"title": title}, headers={"If-Match": tag}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(change, [f"{number}{letter}" for letter in "abcdefgh"])) == [200] + [412] * 7


def test_get_routes_also_support_head_and_options(client: TestClient) -> None:
    video = make(client)
    for path in (video, VIDEOS, "/api/v1/auth/me/", "/healthcheck/", "/watch/", "/api/v2/openapi.json"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("Content-Type", "Content-Length", "ETag"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert client.head("/api/v2/videos/999/").status_code == 404
    options = client.options(video)
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert client.options("/api/v2/nowhere/").status_code == 404
    wrong = client.put(video, json={})
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, options.headers["Allow"])


def test_head_of_an_event_stream_returns_at_once(client: TestClient) -> None:
    from conf._celery.enqueue import enqueue
    from conf.db.dependencies import with_db_session

    @with_db_session
    def begin(*, db: Any) -> int:
        return int(enqueue(db, "iam.tokens.mail_reset", email="x").id)

    response = client.head(f"/api/v1/jobs/{begin()}/events/")
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (200, "text/event-stream")


def test_long_responses_are_compressed_if_the_client_accepts_gzip(client: TestClient) -> None:
    video = make(client, description="About groups. " * 500)
    plain = client.get(video, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", video, headers={"Accept-Encoding": "gzip"}) as short:
        raw = b"".join(short.iter_raw())
    assert (short.headers["Content-Encoding"], len(raw) < len(plain.content) / 5) == ("gzip", True)
    assert gzip.decompress(raw) == plain.content
    assert "Content-Encoding" not in plain.headers
    assert short.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in short.headers["Vary"]
    assert client.get(video, headers={"If-None-Match": short.headers["ETag"]}).status_code == 304
    assert client.patch(video, json={}, headers={"If-Match": short.headers["ETag"]}).status_code == 200
    assert "Content-Encoding" not in client.get(make(client)).headers
    refused = client.get(video, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_every_response_has_security_headers(client: TestClient) -> None:
    for path in (VIDEOS, "/api/v1/nowhere/", "/api/v2/videos/999/", "/healthcheck/"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "Strict-Transport-Security" not in headers  # http://
    assert "script-src 'self'" in client.get("/watch/").headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in client.get(VIDEOS, headers={"Origin": "https://a.example"}).headers


def test_a_deprecated_route_names_its_successor(client: TestClient) -> None:
    made = client.post("/api/v1/videos/", json={"title": "x"})
    one = client.get(made.headers["Location"])
    assert one.headers["Deprecation"] == f"@{dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC).timestamp():.0f}"
    assert one.headers["Link"] == f'</api/v2/videos/{made.json()["id"]}/>; rel="successor-version"'
    missing = client.get("/api/v1/videos/9%0d%0aX: y/")
    assert (missing.status_code, "X" in missing.headers) == (422, False)
    assert missing.headers["Link"] == '</api/v2/videos/9%0D%0AX%3A%20y/>; rel="successor-version"'
    assert "successor" in client.post("/api/v1/videos/", json={}).headers["Link"]
    for path in (VIDEOS, "/api/v1/jobs/"):
        assert "Deprecation" not in client.get(path).headers
    document = client.get("/api/v1/openapi.json").json()["paths"]
    assert document["/api/v1/videos/"]["get"]["deprecated"]
    assert "/api/v1/videos/" not in client.get("/api/v2/openapi.json").json()["paths"]


def test_each_version_has_its_api_reference(client: TestClient) -> None:
    for version in (1, 2):
        document = client.get(f"/api/v{version}/openapi.json")
        assert document.json()["info"]["version"] == str(version)
        page = client.get(f"/api/v{version}/docs")
        assert (f"/api/v{version}/openapi.json" in page.text, f"/api/v{3 - version}/docs" in page.text) == (True, True)
        for address in re.findall(r'(?:src|href)="(/docs/static/[^"]+)"', page.text):
            assert client.get(address).status_code == 200
        again = client.get(f"/api/v{version}/openapi.json", headers={"If-None-Match": document.headers["ETag"]})
        assert again.status_code == 304
    assert client.get("/docs", follow_redirects=False).headers["Location"] == "/api/v2/docs"
    assert client.get("/openapi.json", follow_redirects=False).headers["Location"] == "/api/v2/openapi.json"
    for nothing in ("3", "0", "01", "x"):
        assert client.get(f"/api/v{nothing}/docs").status_code == 404


INVALID_BODIES = [
    b'{"title": "a\\u0000b"}',
    b'{"title": "\\ud800"}',
    b'{"title": "\xed\xa0\x80"}',
    b'{"title": NaN}',
    b'{"title": 1e999}',
    b'{"title": 9223372036854775808}',
    b'{"title": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b"[" * 50_000,
    b'{"title": "x", "title": ',
    b"",
    b"\xff\xfe",
    b"null",
    b"{}" * 2,
]


@pytest.mark.parametrize("body", INVALID_BODIES, ids=range(len(INVALID_BODIES)))
def test_an_invalid_json_body_is_refused(client: TestClient, body: bytes) -> None:
    for path in (VIDEOS, "/api/v1/videos/", "/api/v1/groups/", "/api/v1/auth/login/"):
        response = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/videos/9223372036854775808/",
        "/api/v2/videos/-1/",
        "/api/v2/videos/1e3/",
        "/api/v2/videos/?limit=9223372036854775808",
        "/api/v2/videos/?tag=a%00b",
        "/api/v2/videos/?cursor=%00",
        "/api/v2/videos/?cursor=____",
        "/api/v2/videos/?cursor=%ed%a0%80",
        "/api/v1/videos/?skip=9223372036854775808",
        "/api/v1/jobs/?name=a%00b",
        "/api/v1/users/?group_id=1e999",
        "/api/v1/users/search/?q=a%00b",
        "/api/v1/users/leaderboard/?cursor=MS4xLjE",
    ],
)
def test_an_invalid_value_in_a_url_is_refused(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, len(response.json()["errors"])) == (422, 1)


def test_following_the_next_links_returns_every_row_once(client: TestClient) -> None:
    made = [int(make(client, title=str(n)).rstrip("/").rpartition("/")[2]) for n in range(7)]
    seen, path = [], f"{VIDEOS}?limit=3"
    while path:
        page = client.get(path)
        seen += [video["id"] for video in page.json()["items"]]
        path = page.links.get("next", {}).get("url", "")
        assert bool(path) == bool(page.json()["next"])
    assert seen == made[::-1]
