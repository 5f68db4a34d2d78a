"""Pages and their files. Public: what they do, they ask the API for."""

from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse, RedirectResponse

from conf.errors import NotFound
from conf.http.access import PUBLIC
from conf.http.route import Router

STATIC = Path(__file__).parent / "static"
LOCKED = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""For pages where people type passwords: no script of others, in no frame of others."""
FORM_MAX_BYTES = 8000
FORM_SAFE = "%&=+~:/?@!$'()*,;"
PLAYER = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src * blob:; "
    "img-src *; media-src * blob:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-cache",
}
"""For the player: videos and posters may lie at another host, as in S3."""
WATCH_FILES = {
    "hls.min.js": "public, max-age=86400",
    "watch.css": "no-cache",
    "watch.js": "no-cache",
}
ACCOUNT_FILES = frozenset({"account.css", "account.js", "authorize.js", "password.js", "verify.js"})

router = Router("", tags=["web"])


@router.get("/", include_in_schema=False, dependencies=[PUBLIC])
async def index() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/watch/", include_in_schema=False, dependencies=[PUBLIC])
async def watch() -> FileResponse:
    """Plays the videos that have been processed. `?video=7` plays that one, `&key=…` where it is unlisted."""
    return FileResponse(STATIC / "watch.html", headers=PLAYER)


@router.get("/watch/{name}", include_in_schema=False, dependencies=[PUBLIC])
async def watch_file(name: str) -> FileResponse:
    if name not in WATCH_FILES:
        raise NotFound("file", name)
    return FileResponse(STATIC / name, headers={"Cache-Control": WATCH_FILES[name]})


@router.get("/oauth/authorize", include_in_schema=False, dependencies=[PUBLIC])
async def authorize_page() -> FileResponse:
    """Where a client sends people to log in with Campus: they sign in and consent."""
    return FileResponse(STATIC / "authorize.html", headers=LOCKED)


@router.post("/oauth/authorize", include_in_schema=False, dependencies=[PUBLIC])
async def authorize_form(request: Request) -> RedirectResponse:
    """The same, sent as a form (OpenID Connect Core, 3.1.2.1)."""
    form = (await request.body())[:FORM_MAX_BYTES].decode("latin-1")
    return RedirectResponse(f"/oauth/authorize?{quote(form, safe=FORM_SAFE)}", 303)


@router.get("/account/password/", include_in_schema=False, dependencies=[PUBLIC])
async def password_page() -> FileResponse:
    """Asks for the reset mail, or with its token behind the # sets a new password."""
    return FileResponse(STATIC / "password.html", headers=LOCKED)


@router.get("/account/verify/", include_in_schema=False, dependencies=[PUBLIC])
async def verify_page() -> FileResponse:
    """Confirms an e-mail with the token behind the #."""
    return FileResponse(STATIC / "verify.html", headers=LOCKED)


@router.get("/account/{name}", include_in_schema=False, dependencies=[PUBLIC])
async def account_file(name: str) -> FileResponse:
    if name not in ACCOUNT_FILES:
        raise NotFound("file", name)
    return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
