"""The web page: files that are built from the sources in `web/`."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["PAGE", "Page"]

PAGE = Path(__file__).parent / "page"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: data:; "
    "connect-src 'self' blob: data: ws: wss:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Page(StaticFiles):
    """Files that may load nothing from elsewhere and be shown within no other page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return one file; those in `assets` are named after what is in them, and may be kept for ever."""
        response = await super().get_response(path, scope)
        kept = path.startswith("assets/") and response.status_code < 400
        response.headers.update(
            HEADERS | {"Cache-Control": "public, max-age=31536000, immutable" if kept else "no-cache"}
        )
        return response
