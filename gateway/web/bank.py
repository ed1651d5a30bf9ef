"""The simulated bank's own pages, where a payer confirms: 3-D Secure with a one-time password, and the UPI app."""

import asyncio

from sanic import Request
from sanic.response import HTTPResponse

from gateway import checkout_sheet, i18n, money, settlement
from gateway.checkout_sheet import Sheet
from gateway.errors import NotFound, Unavailable
from gateway.processors import OutcomeUnknown
from gateway.web import checkout_page, checkout_words, door, pages
from gateway.web.checkout_page import Asked

OTP = "123456"
TRIES_MAX = 3
# What the buttons say, and how the bank takes it.
ANSWERS = {"approve": "approved", "decline": "declined", "cancel": "cancelled", "expire": "expired"}


class Bank:
    """The handlers of both pages; they know the simulated bank only as its customers do."""

    def __init__(self, gateway):
        self._config = gateway.config
        self._store = gateway.store
        self._simulator = gateway.simulator

    async def show(self, request: Request, door_name: str, payment_id: str) -> HTTPResponse:
        sheet = await self._sheet(door_name, payment_id)
        return self._page(request, door_name, sheet, await self._stage(sheet))

    async def answer(self, request: Request, door_name: str, payment_id: str) -> HTTPResponse:
        """Takes the payer's answer; the first one counts. A wrong password may be tried again, but not for ever."""
        sheet = await self._sheet(door_name, payment_id)
        if await self._stage(sheet) != "ask":
            return await self.show(request, door_name, payment_id)
        answer, tries = _answer(request.form or {})
        if answer is None:
            return self._page(request, door_name, sheet, "ask", tries)
        await self._in_thread(self._simulator.answer_challenge, payment_id, answer)
        await self._store.write(settlement.customer_acted, payment_id)
        return self._page(request, door_name, sheet, await self._stage(sheet))

    async def _sheet(self, door_name: str, payment_id: str) -> Sheet:
        sheet = await self._store.read(checkout_sheet.of_payment, door.path_id(payment_id, "pay"), 0)
        payment = sheet.payment
        asked_here = door_name == ("upi" if checkout_sheet.is_qr(payment) else "3ds")
        if payment.processor != self._simulator.name or not asked_here:
            raise NotFound("The simulated bank knows no such payment.")
        return sheet

    async def _stage(self, sheet: Sheet) -> str:
        """`wait` until the bank has looked at the payment, `ask` the payer, then `approved` or `refused`.

        The payer is asked once the gateway waits for it: an answer that came before would not wake it.
        """
        if sheet.payment.status in ("pending", "processing"):
            return "wait"
        outcome = await self._in_thread(self._simulator.inquire, sheet.payment.id)
        stages = {"requires_action": "ask", "succeeded": "approved", "failed": "refused"}
        return stages.get(outcome.status, "wait") if outcome else "wait"

    async def _in_thread(self, call, *args):
        try:
            return await asyncio.get_running_loop().run_in_executor(None, call, *args)
        except OutcomeUnknown:
            raise Unavailable("The simulated bank does not answer at the moment.") from None

    def _page(self, request: Request, door_name: str, sheet: Sheet, stage: str, tries: int = 0) -> HTTPResponse:
        asked, order = Asked(request), sheet.order
        body = pages.html(
            f"bank/{door_name}.html",
            asked.language,
            theme=asked.theme,
            color=None,
            merchant=sheet.merchant_name,
            amount=money.display(order.amount, order.currency, "en-IN" if order.currency == "INR" else "en"),
            paid_with=checkout_words.paid_with(i18n.translator(asked.language), sheet.payment),
            stage=stage,
            otp=OTP,
            tries=tries,
            tries_left=TRIES_MAX - tries,
        )
        return pages.answer(body, frame_ancestors=checkout_page.ancestors(self._config, sheet, also="'self'"))


def _answer(form) -> tuple[str | None, int]:
    """What the payer's form says to the bank, None for a wrong password that may be tried again; and the tries."""
    button = form.get("answer", "")
    if button != "otp":
        return ANSWERS.get(button), 0
    if form.get("otp", "").replace(" ", "") == OTP:
        return "approved", 0
    earlier = form.get("tries", "")
    tries = int(earlier) + 1 if earlier in map(str, range(TRIES_MAX)) else TRIES_MAX
    return ("declined" if tries >= TRIES_MAX else None), tries


def mount(app, gateway) -> None:
    """Adds the pages to the application."""
    own = Bank(gateway)
    for path, handler, method in (
        ("/bank/<door_name:(3ds|upi)>/<payment_id>", own.show, "GET"),
        ("/bank/<door_name:(3ds|upi)>/<payment_id>", own.answer, "POST"),
    ):
        served = pages.told(handler, checkout_page.problem)
        app.add_route(served, path, methods=[method], name=f"bank_{handler.__name__}")
