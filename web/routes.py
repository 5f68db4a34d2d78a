"""HTML pages and their static files. All are public: the pages get their data from the API."""

from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, RedirectResponse

from conf.errors import NotFound
from conf.http.access import PUBLIC
from conf.http.limits import Policy, by_address
from conf.http.route import Router

STATIC = Path(__file__).parent / "static"
ACCOUNT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Response headers of pages with password fields: no scripts from other sites, and no framing."""
FORM_MAX_BYTES = 8000
"""Maximum size of a form, which goes into the redirect's URL."""
FORM_SAFE = "%&=+~:/?@!$'()*,;"
"""Characters of a form that are copied to the redirect's URL unquoted."""
ACCOUNT_FILES = frozenset({"account.css", "account.js", "authorize.js", "password.js", "verify.js"})

AUTHORIZE = Policy("authorize", address="100/minute")

router = Router("", tags=["web"])


@router.get("/", include_in_schema=False, dependencies=[PUBLIC])
async def index() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/oauth/authorize", include_in_schema=False, dependencies=[PUBLIC])
async def authorize_page() -> FileResponse:
    """Return the OAuth authorization page, where users sign in and consent to a client's access."""
    return FileResponse(STATIC / "authorize.html", headers=ACCOUNT_HEADERS)


@router.post(
    "/oauth/authorize",
    include_in_schema=False,
    dependencies=[PUBLIC, by_address(AUTHORIZE)],
    max_body_size=FORM_MAX_BYTES,
)
async def authorize_form(request: Request) -> RedirectResponse:
    """Redirect an authorization request sent as a form to the page (OpenID Connect Core, 3.1.2.1)."""
    form = (await request.body()).decode("latin-1")
    return RedirectResponse(f"/oauth/authorize?{quote(form, safe=FORM_SAFE)}", 303)


@router.get("/account/password/", include_in_schema=False, dependencies=[PUBLIC])
async def password_page() -> FileResponse:
    """Return the password page. It requests a reset e-mail, or sets a new password if the URL has `#token=…`."""
    return FileResponse(STATIC / "password.html", headers=ACCOUNT_HEADERS)


@router.get("/account/verify/", include_in_schema=False, dependencies=[PUBLIC])
async def verify_page() -> FileResponse:
    """Return the page that confirms an e-mail address with the token in the URL (`#token=…`)."""
    return FileResponse(STATIC / "verify.html", headers=ACCOUNT_HEADERS)


@router.get("/account/{name}", include_in_schema=False, dependencies=[PUBLIC])
async def account_file(name: str) -> FileResponse:
    if name not in ACCOUNT_FILES:
        raise NotFound("file", name)
    return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
