"""The hosted checkout: its pages, and what their scripts ask for."""

from urllib.parse import urlencode

from sanic import Request
from sanic.response import HTTPResponse, redirect

from gateway import accent, checkout, checkout_sheet, i18n, links, merchant_settings, objects, payments, saved_cards
from gateway.checkout_sheet import Sheet
from gateway.errors import BadRequest, NotFound
from gateway.web import checkout_page, checkout_words, customers, door, live, pages, qr
from gateway.web.checkout_page import Asked
from gateway.web.live import Live

SDK = "checkout-1.0.0.js"
SDK_HEADERS = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
KEPT = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
UNPAID = ("failed", "cancelled")
FINAL = ("success", *UNPAID)


class Checkout:
    """The handlers of everything under /checkout, of the receipts and of short links."""

    def __init__(self, gateway, streams: Live):
        self._config = gateway.config
        self._store = gateway.store
        self._master = gateway.master
        self._streams = streams
        self._attempts_max = gateway.config.limits.attempts_per_order

    async def page(self, request: Request) -> HTTPResponse:
        asked = Asked(request)
        order_id = door.path_id(asked.order_id, "order")
        known_by = customers.secret(request)
        sheet, shown, saved = await self._store.read(self._look_at_order, asked, order_id, known_by)
        return checkout_page.draw(asked, sheet, sheet.state, shown, self._config, saved)

    async def receipt(self, request: Request) -> HTTPResponse:
        """/success and /failure: the page as one payment left it, whatever the address says of its end."""
        asked = Asked(request)
        payment_id = door.path_id(asked.payment_id, "pay")
        sheet, shown = await self._store.read(self._look, asked, checkout_sheet.of_payment, payment_id)
        lost = shown["status"] in UNPAID
        return checkout_page.draw(asked, sheet, "failure" if lost else sheet.state, shown, self._config)

    async def link(self, request: Request, code: str) -> HTTPResponse:
        order_id = await self._store.read(links.order_of, code)
        return redirect(f"/checkout?{urlencode({'order_id': order_id})}", status=303)

    async def link_qr(self, request: Request, code: str) -> HTTPResponse:
        await self._store.read(links.order_of, code)
        return qr.answer(links.address(self._config.public_url, code))

    async def status(self, request: Request, payment_id: str) -> HTTPResponse:
        shown = await self._payment(Asked(request), payment_id)
        return HTTPResponse(objects.encode(shown), 200, {"cache-control": "no-store"}, "application/json")

    async def stream(self, request: Request, payment_id: str) -> None:
        asked, sent = Asked(request), b""
        await self._payment(asked, payment_id)

        async def produce(_change) -> tuple[list[bytes], bool]:
            nonlocal sent
            shown = await self._payment(asked, payment_id)
            before, sent = sent, objects.encode(shown)
            return [live.event(sent)] * (sent != before), shown["status"] in FINAL

        await self._streams.serve(request, payment_id, produce)

    async def cancel(self, request: Request, payment_id: str) -> HTTPResponse:
        """The payer gives up what still waits for them, so that they can pay another way."""
        await self._store.write(_cancel, door.path_id(payment_id, "pay"), self._attempts_max)
        return await self.status(request, payment_id)

    async def payment_qr(self, request: Request, payment_id: str) -> HTTPResponse:
        found = door.path_id(payment_id, "pay")
        sheet = await self._store.read(checkout_sheet.of_payment, found, self._attempts_max)
        if not checkout_sheet.is_qr(sheet.payment):
            raise NotFound("This payment has no QR code.")
        return qr.answer(qr.reachable_base(request, self._config) + f"/bank/upi/{payment_id}")

    async def accent(self, request: Request, name: str) -> HTTPResponse:
        color = checkout_page.COLOR.fullmatch(name.removesuffix(".css"))
        if not color:
            raise NotFound("There is nothing at this address.")
        return HTTPResponse(accent.stylesheet(f"#{color[1].lower()}"), 200, KEPT, "text/css; charset=utf-8")

    async def logo(self, request: Request, merchant_id: str) -> HTTPResponse:
        settings = await self._store.read(merchant_settings.find, merchant_id) if merchant_id.isprintable() else None
        if not settings or not settings.logo:
            raise NotFound("There is nothing at this address.")
        return HTTPResponse(settings.logo, 200, KEPT, settings.logo_type)

    async def sdk(self, request: Request, name: str = SDK) -> HTTPResponse:
        answer = pages.static().answer(request, name)
        answer.headers.update(SDK_HEADERS)
        return answer

    async def _payment(self, asked: Asked, payment_id: str) -> dict:
        door.path_id(payment_id, "pay")
        return (await self._store.read(self._look, asked, checkout_sheet.of_payment, payment_id))[1]

    def _look_at_order(self, tx, asked: Asked, order_id: str, known_by: str | None) -> tuple:
        """The same with the cards that this browser's customer has saved."""
        sheet, shown = self._look(tx, asked, checkout_sheet.of_order, order_id, asked.key_id)
        return sheet, shown, saved_cards.of_customer(tx, sheet.owner, known_by)

    def _look(self, tx, asked: Asked, of, *what) -> tuple[Sheet, dict | None]:
        """A sheet and its payment in words, from one state of the database."""
        sheet = of(tx, *what, self._attempts_max)
        checkout.check_key(tx, sheet.owner, asked.key_id)
        return sheet, _shown(tx, asked, sheet, self._master) if sheet.payment else None


def mount(app, gateway, streams: Live) -> None:
    """Adds the pages to the application."""
    own = Checkout(gateway, streams)
    for path, handler, method in (
        ("/checkout", own.page, "GET"),
        ("/success", own.receipt, "GET"),
        ("/failure", own.receipt, "GET"),
        ("/l/<code>", own.link, "GET"),
        ("/l/<code>/qr.svg", own.link_qr, "GET"),
        ("/checkout/payments/<payment_id>", own.status, "GET"),
        ("/checkout/payments/<payment_id>/live", own.stream, "GET"),
        ("/checkout/payments/<payment_id>/cancel", own.cancel, "POST"),
        ("/checkout/payments/<payment_id>/qr.svg", own.payment_qr, "GET"),
        ("/checkout/accent/<name>", own.accent, "GET"),
        ("/checkout/logo/<merchant_id>", own.logo, "GET"),
        ("/checkout.js", own.sdk, "GET"),
        (f"/<name:({SDK})>", own.sdk, "GET"),
    ):
        served = pages.told(handler, checkout_page.problem)
        methods = ["GET", "HEAD"] if method == "GET" and handler != own.stream else [method]
        app.add_route(served, path, methods=methods, name=f"checkout_{handler.__name__}_{path}")


def _shown(tx, asked: Asked, sheet: Sheet, master) -> dict:
    """The sheet's payment for its page; the key that opened the page signs a success."""
    payment = sheet.payment
    by_qr = checkout_sheet.is_qr(payment)
    bank = "upi" if by_qr else "3ds"
    return checkout_words.payment(i18n.translator(asked.language), payment) | {
        "flow": "qr" if by_qr else None,
        "action_url": f"/bank/{bank}/{payment.id}?{urlencode({'locale': asked.language})}",
        "qr_url": f"/checkout/payments/{payment.id}/qr.svg",
        "signature": checkout.signature(tx, payment, master, asked.key_id),
        "closed": checkout_page.closed(asked, sheet) if payment.status in UNPAID else None,
    }


def _cancel(tx, payment_id: str, attempts_max: int) -> None:
    payment = checkout_sheet.of_payment(tx, payment_id, attempts_max).payment
    if not checkout_sheet.waits_for_payer(payment):
        raise BadRequest("This payment cannot be given up any more.", reason="not_cancellable")
    payments.cancel(tx, payment.owner, payment_id)
