"""One page of the checkout: what its address asks for, and how a sheet is drawn."""

import re
from urllib.parse import urlencode

from sanic import Request
from sanic.response import HTTPResponse

from gateway import i18n, merchant_settings, money, vpa
from gateway.checkout_sheet import Sheet
from gateway.clock import now_ms
from gateway.errors import BadRequest, GatewayError
from gateway.web import checkout_words, pages

POPULAR_BANKS = 6
COLOR = re.compile(r"#?([0-9a-f]{6})", re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(r"https?://[^/?#\\\s]+(?=[/?#]|$)")


class Asked:
    """What the address of a page says, as far as it can be believed."""

    def __init__(self, request: Request):
        get = request.args.get
        self.order_id = get("order_id", "")
        self.payment_id = get("payment_id", "")
        self.key_id = get("key") or None
        self.language = i18n.choose(get("locale"), request.headers.get("accept-language"))
        self.embedded = get("embed") == "1"
        color = COLOR.fullmatch(get("color", ""))
        self.color = f"#{color[1].lower()}" if color else None
        self.theme = get("theme") if get("theme") in ("light", "dark") else None
        self.return_url = get("return_url", "")[:2_000]
        self._query = {name: values[0] for name, values in request.args.items()}
        self._path = request.path

    def language_url(self, language: str) -> str:
        """The same page in another language."""
        return f"{self._path}?{urlencode(self._query | {'locale': language})}"

    @property
    def status_query(self) -> str:
        """What the page's scripts add when they ask for a payment."""
        named = {"key": self.key_id, "locale": self.language}
        return "?" + urlencode({name: value for name, value in named.items() if value})


def draw(asked: Asked, sheet: Sheet, state: str, payment: dict | None, config, saved=()) -> HTTPResponse:
    """The page about an order; `payment` is what `checkout_words.payment` made of the newest one."""
    context = _summary(asked, sheet) | _methods(asked, sheet, saved) | _outcome(asked, sheet, state, payment)
    return_url = asked.return_url if _may_return(asked.return_url, sheet, config) else ""
    scripts = _scripts(asked, sheet, context, return_url)
    body = pages.html("checkout/page.html", asked.language, **context, return_url=return_url, page=scripts)
    return pages.answer(body, frame_ancestors=ancestors(config, sheet), frame_src="'self'")


def problem(request: Request, refusal: GatewayError) -> HTTPResponse:
    """A page that says what is wrong; it shows nothing worth stealing, so any shop may show it in its frame."""
    asked = Asked(request)
    words = checkout_words.closed(i18n.translator(asked.language), "missing")
    body = pages.html(
        "checkout/problem.html", asked.language, words=words, problem=i18n.refusal(asked.language, refusal.description),
        theme=asked.theme, color=asked.color,
    )  # fmt: skip
    return pages.answer(body, refusal.status, frame_ancestors="*")


def ancestors(config, sheet: Sheet, *, also: str = "") -> str:
    """Who may show the page in a frame: the origins that the merchant allowed; in the demo anybody."""
    if config.demo:
        return "*"
    return " ".join(filter(None, (also, *sheet.settings.allowed_origins))) or "'none'"


def _summary(asked: Asked, sheet: Sheet) -> dict:
    order, settings = sheet.order, sheet.settings
    logo = f"/checkout/logo/{order.merchant_id}?v={settings.updated_at}" if settings.logo else None
    return {
        "theme": asked.theme,
        "color": asked.color or settings.color,
        "embedded": asked.embedded,
        "merchant": {"name": sheet.merchant_name, "contact": settings.support_contact, "logo": logo},
        "mode": order.mode,
        "amount": money.display(order.amount, order.currency, "en-IN" if order.currency == "INR" else "en"),
        "order_id": order.id,
        "receipt": order.receipt,
        "description": sheet.link.description if sheet.link else "",
        "languages": i18n.LANGUAGES,
        "language_url": asked.language_url,
    }


def _methods(asked: Asked, sheet: Sheet, saved) -> dict:
    """UPI, netbanking and the wallets are Indian and pay in rupees alone."""
    banks = list(vpa.BANKS.items())
    return {
        "methods": ["upi", "card", "netbanking", "wallet"] if sheet.order.currency == "INR" else ["card"],
        "saved_cards": [checkout_words.saved_card(i18n.translator(asked.language), card) for card in saved],
        "popular_banks": banks[:POPULAR_BANKS],
        "other_banks": banks[POPULAR_BANKS:],
        "wallets": list(vpa.WALLETS.items()),
    }


def _outcome(asked: Asked, sheet: Sheet, state: str, payment: dict | None) -> dict:
    error = payment["error"] if payment else None
    return {
        "state": state,
        "payment": payment,
        "last_failure": error["description"] if error and state == "form" else "",
        "closed": closed(asked, sheet),
        "already_paid": state == "success" and sheet.closed == "paid" and not asked.payment_id,
    }


def closed(asked: Asked, sheet: Sheet) -> dict | None:
    """Why nothing can be paid now, in words; `wait_s` until it can be again. None where it can."""
    if not sheet.closed:
        return None
    wait_s = max(1, -((now_ms() - sheet.open_again_at) // 1000)) if sheet.closed == "too_many_attempts" else 0
    return checkout_words.closed(i18n.translator(asked.language), sheet.closed, wait_s) | {"wait_s": wait_s}


def _scripts(asked: Asked, sheet: Sheet, context: dict, return_url: str) -> dict:
    """What checkout-page.js reads from the page."""
    return {
        "orderId": sheet.order.id,
        "key": asked.key_id,
        "methods": context["methods"],
        "payUrl": "/api/v1/payments/public",
        "paymentsUrl": "/checkout/payments",
        "customerUrl": "/checkout/customer",
        "cardsUrl": "/checkout/cards",
        "query": asked.status_query,
        "payment": context["payment"] if context["state"] != "form" else None,
        "openInS": context["closed"]["wait_s"] if context["state"] == "closed" else 0,
        "returnUrl": return_url,
        "locale": asked.language,
        "words": checkout_words.for_scripts(i18n.translator(asked.language), context["amount"]),
        "described": bool(context["description"]),
    }


def _may_return(url: str, sheet: Sheet, config) -> bool:
    """Only to where the merchant allowed frames as well, so that nobody can lend our name to a foreign address."""
    origin = _ORIGIN.match(url)
    if not origin:
        return False
    try:
        return merchant_settings.check_origin(origin[0]) in sheet.settings.allowed_origins or config.demo
    except BadRequest:
        return False
