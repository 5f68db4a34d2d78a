"""The player page and its files. Public."""

from pathlib import Path

from fastapi.responses import FileResponse, RedirectResponse

from conf.http.route import Router

STATIC = Path(__file__).parent / "static"

home = Router("", tags=["web"])
router = Router("/watch", tags=["web"])


@home.get("/", include_in_schema=False)
async def index() -> RedirectResponse:
    return RedirectResponse("/docs")


@router.get("/", include_in_schema=False)
async def watch() -> FileResponse:
    """Plays the videos that have been processed. `?video=7` plays that one."""
    return FileResponse(STATIC / "watch.html", headers={"Cache-Control": "no-cache"})


@router.get("/hls.min.js", include_in_schema=False)
async def hls_js() -> FileResponse:
    return FileResponse(STATIC / "hls.min.js", headers={"Cache-Control": "public, max-age=86400"})
