"""The files of our pages, held in memory under their names and nothing else."""

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from gateway.errors import NotFound

CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "jpg": "image/jpeg",
    "map": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff2": "font/woff2",
}
ICON = "dashboard-icon.svg"
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
_NAME = re.compile(r"[A-Za-z0-9_\-]+(?:[./][A-Za-z0-9_\-]+)*\.[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes, the same compressed where that is shorter, and the hashes that tell its content."""

    body: bytes
    compressed: bytes | None
    content_type: str
    version: str
    integrity: str


class Static:
    """All files below `root` (by default gateway/assets/static), read once; a name that is not among them is a 404."""

    def __init__(self, root: Traversable | None = None):
        root = root or files("gateway") / "assets" / "static"
        self.files = {name: _file(name, body) for name, body in _read(root, "")}

    def url(self, name: str) -> str:
        """The address of a file, which changes with its content and so may be kept for ever."""
        return f"/static/{name}?v={self.files[name].version}"

    def integrity(self, name: str) -> str:
        """What a page says in `integrity=`, so that a browser refuses any other content."""
        return self.files[name].integrity

    def answer(self, request: Request, name: str) -> HTTPResponse:
        """The file, or 304 where the browser has it already; NotFound for any name but those read at the start."""
        file = self.files.get(name)
        if file is None:
            raise NotFound("There is nothing at this address.")
        zipped = file.compressed is not None and _accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = {
            "etag": f'"{file.version}-gzip"' if zipped else f'"{file.version}"',
            "cache-control": FOREVER if request.query_string == f"v={file.version}" else ASK_AGAIN,
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if _knows(request.headers.get("if-none-match", ""), headers["etag"]):
            return HTTPResponse(status=304, headers=headers)
        if zipped:
            return HTTPResponse(file.compressed, 200, headers | {"content-encoding": "gzip"}, file.content_type)
        return HTTPResponse(file.body, 200, headers, file.content_type)


def install(app: Sanic, static: Static) -> None:
    """Serves `static` under /static/, and the icon that browsers ask for where a page names none."""

    async def serve(request: Request, name: str) -> HTTPResponse:
        return static.answer(request, name)

    async def icon(request: Request) -> HTTPResponse:
        return static.answer(request, ICON)

    app.add_route(icon, "/favicon.ico", methods=["GET", "HEAD"], name="icon")
    app.add_route(serve, "/static/<name:path>", methods=["GET", "HEAD"], name="static")


def _read(folder: Traversable, path: str):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{path}{entry.name}/")
        elif not entry.name.startswith("."):
            yield f"{path}{entry.name}", entry.read_bytes()


def _file(name: str, body: bytes) -> File:
    kind = name.rpartition(".")[2]
    if not _NAME.fullmatch(name) or kind not in CONTENT_TYPES:
        raise ValueError(f"The static file {name!r} has a name or kind that is not served.")
    digest = hashlib.sha384(body).digest()
    compressed = gzip.compress(body, 9, mtime=0)
    return File(
        body=body,
        compressed=compressed if len(compressed) < len(body) else None,
        content_type=CONTENT_TYPES[kind],
        version=digest.hex()[:16],
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
    )


def _accepts_gzip(header: str) -> bool:
    codings = (coding.partition(";") for coding in header.lower().split(","))
    return any(name.strip() == "gzip" and not _is_zero(quality) for name, _, quality in codings)


def _is_zero(quality: str) -> bool:
    return re.fullmatch(r"\s*q\s*=\s*0(?:\.0*)?\s*", quality) is not None


def _knows(if_none_match: str, etag: str) -> bool:
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag in tags
