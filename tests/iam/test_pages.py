"""The pages with password fields, in a real browser."""

import email
import email.policy
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.people import PASSWORD
from tests.system import System


class Club(BaseHTTPRequestHandler):
    """The website of a client, to which the browser returns."""

    seen: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path.startswith("/callback"):
            Club.seen.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Welcome")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def club() -> Iterator[str]:
    Club.seen.clear()
    server = HTTPServer(("127.0.0.1", 0), Club)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/callback"
    server.shutdown()
    server.server_close()


def test_people_log_in_to_another_site_with_campus(api: System, club: str, browser: Any) -> None:
    body = {"name": "Chess <b>club</b>", "redirect_uris": [club], "website": "https://club.example/"}
    registered = api.client.post("/api/v1/clients/", json=body).json()
    verifier = "v" * 50
    query = {
        "response_type": "code",
        "client_id": registered["client_id"],
        "redirect_uri": club,
        "scope": "openid email",
        "state": "xyz",
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(str(httpx.URL(f"{api.url}/oauth/authorize", params=query)))
    page.get_by_text("Chess <b>club</b>").wait_for()
    assert page.get_by_text("See your e-mail").is_visible()

    page.get_by_label("E-mail").fill("admin@campus.example")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in and allow").click()
    page.get_by_text("The e-mail or the password is wrong.").wait_for()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in and allow").click()
    page.get_by_text("Welcome").wait_for()

    back = httpx.URL(Club.seen[0]).params
    assert (back["state"], back["iss"]) == ("xyz", api.url)
    form = {
        "grant_type": "authorization_code",
        "code": back["code"],
        "redirect_uri": club,
        "code_verifier": verifier,
    }
    secret = httpx.BasicAuth(registered["client_id"], registered["client_secret"])
    token = httpx.post(f"{api.url}/oauth/token", data=form, auth=secret, trust_env=False).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    userinfo = httpx.get(f"{api.url}/oauth/userinfo", headers=bearer, trust_env=False).json()
    assert userinfo["email"] == "admin@campus.example"
    assert [s["client"] for s in api.client.get("/api/v1/auth/sessions/").json()] == ["Chess <b>club</b>", None]

    page.goto(str(httpx.URL(f"{api.url}/oauth/authorize", params=query)))
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Welcome").wait_for()
    assert httpx.URL(Club.seen[-1]).params["error"] == "access_denied"

    page.goto(str(httpx.URL(f"{api.url}/oauth/authorize", params=query | {"code_challenge": ""})))
    page.get_by_text("PKCE is required").wait_for()
    page.goto(str(httpx.URL(f"{api.url}/oauth/authorize", params=query | {"redirect_uri": club + "x"})))
    page.get_by_text("is not supported by client").wait_for()
    assert errors == []


def test_a_forgotten_password_is_reset_in_the_browser(api: System, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{api.url}/account/password/")
    page.get_by_label("E-mail").fill("admin@campus.example")
    page.get_by_role("button", name="Send link").click()
    page.get_by_text("If an account with this e-mail exists").wait_for()
    (job,) = api.client.get("/api/v1/jobs/", params={"name": "iam.tokens.mail_reset"}).json()["items"]
    api.run(sys.executable, "-c", f"from conf._celery.enqueue import task_of; task_of({job['name']!r})({job['id']})")
    (mail,) = (Path(api.environment["DATA_DIR"]) / "mails").glob("*.eml")
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    (link,) = re.findall(r"http\S+#token=\S+", message.get_content())

    page.goto(link)
    page.get_by_label("New password").fill("a much better passphrase")
    page.get_by_role("button", name="Set password").click()
    page.get_by_text("Your password has been changed.").wait_for()
    assert "#" not in page.url
    credentials = {"email": "admin@campus.example", "password": "a much better passphrase"}
    assert httpx.post(f"{api.url}/api/v1/auth/login/", json=credentials, trust_env=False).status_code == 200

    page.goto(f"{api.url}/account/verify/#token=nonsense")
    page.get_by_role("button", name="Confirm this e-mail").click()
    page.get_by_text("This link is invalid or has expired. Request a new one.").wait_for()
