"""The page on which guests confirm a booking. It calls the API, as any client does."""

from pathlib import Path

from fastapi.responses import FileResponse

from conf.http.access import PUBLIC
from conf.http.route import Router

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}

router = Router("", tags=["web"])


@router.get("/bookings/confirm/", include_in_schema=False, dependencies=[PUBLIC])
async def confirm_page() -> FileResponse:
    """Return the page. The link in the mail has `#booking=…&key=…` after it. Nothing is confirmed before the guest
    presses the button, as mail programs open links by themselves."""
    return FileResponse(STATIC / "confirm.html", headers=HEADERS)


@router.get("/bookings/confirm/confirm.js", include_in_schema=False, dependencies=[PUBLIC])
async def confirm_script() -> FileResponse:
    return FileResponse(STATIC / "confirm.js", headers={"Cache-Control": "no-cache"})
