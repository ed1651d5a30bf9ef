"""Exports on their way to the browser: piece by piece, so that a million rows take no more memory than a page."""

from gateway import exports
from gateway.web.sessions import Visit

KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


async def send(visit: Visit, export: exports.Export, name: str) -> None:
    """Streams the export as the kind of file that the address ends in."""
    kind = visit.request.path.rpartition(".")[2]
    headers = {
        "content-disposition": f'attachment; filename="{name}.{kind}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    response = await visit.request.respond(content_type=KINDS[kind], headers=headers)
    before, first = None, True
    await response.send("[\n" if kind == "json" else exports.as_csv([export.heading]))
    while True:
        rows, before = await visit.read(exports.piece, export, before)
        text = exports.as_csv(map(dict.values, rows)) if kind == "csv" else "".join(exports.as_json(rows, first=first))
        first = first and not rows
        if text:
            await response.send(text)
        if before is None:
            break
    if kind == "json":
        await response.send("\n]\n")
    await response.eof()
