"""The player and its static files. It gets its data from the API, as any client does."""

from pathlib import Path

from fastapi.responses import FileResponse

from conf.errors import NotFound
from conf.http.access import PUBLIC
from conf.http.route import Router

STATIC = Path(__file__).parent / "static"
LIBRARIES = Path(__file__).parents[2] / "web" / "node_modules"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src * blob:; "
    "img-src *; media-src * blob:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-cache",
}
"""Response headers of the page. Videos and poster images may come from another host, such as S3."""
FILES = {
    "hls.min.js": (LIBRARIES / "hls.js" / "dist" / "hls.min.js", "public, max-age=86400"),
    "watch.css": (STATIC / "watch.css", "no-cache"),
    "watch.js": (STATIC / "watch.js", "no-cache"),
}
"""The path and the Cache-Control of each file. Without hls.js, the page uses the browser's own HLS."""

router = Router("", tags=["web"])


@router.get("/watch/", include_in_schema=False, dependencies=[PUBLIC])
async def watch() -> FileResponse:
    """Return the player page. `?video=7` plays that video; an unlisted video also needs its key: `?video=7&key=…`."""
    return FileResponse(STATIC / "watch.html", headers=HEADERS)


@router.get("/watch/{name}", include_in_schema=False, dependencies=[PUBLIC])
async def watch_file(name: str) -> FileResponse:
    """Return a static file of the player."""
    path, cache_control = FILES.get(name, (None, ""))
    if path is None or not path.exists():
        raise NotFound("file", name)
    return FileResponse(path, headers={"Cache-Control": cache_control})
