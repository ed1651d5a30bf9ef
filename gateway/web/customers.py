"""Customers with saved cards: what their merchant asks for, and the cookie by which the checkout knows them again."""

from http import HTTPStatus

from sanic import Request
from sanic.response import HTTPResponse

from gateway import saved_cards
from gateway.web import door, queries
from gateway.web.routes import Call, Route

COOKIE, BOUND_COOKIE = "customer", "__Host-customer"
LASTS_S = 400 * 24 * 3600  # the longest that browsers allow


def list_tokens(call: Call):
    return saved_cards.list_tokens, call.owner, call.id("customer_id", "cust"), queries.page(call.query)


def delete_token(call: Call):
    return saved_cards.remove, call.owner, call.id("customer_id", "cust"), call.id("token", "tok")


def token_of_payment(call: Call):
    return saved_cards.of_payment, call.owner, call.id("payment_id", "pay")


ROUTES = [
    Route("GET", "/customers/<customer_id>/tokens", list_tokens, "List a customer's saved cards",
          list[saved_cards.Token], query=queries.PAGE, tag="Saved cards"),
    Route("DELETE", "/customers/<customer_id>/tokens/<token>", delete_token, "Delete a saved card",
          saved_cards.DeletedToken, tag="Saved cards"),
    Route("GET", "/payments/<payment_id>/token", token_of_payment, "Show the saved card of a payment",
          saved_cards.Token, tag="Saved cards"),
]  # fmt: skip


def secret(request: Request) -> str | None:
    """What the browser shows to be known again."""
    given = request.cookies.get(BOUND_COOKIE) or request.cookies.get(COOKIE) or ""
    return given if len(given) == saved_cards.SECRET_LETTERS and given.isalnum() and given.isascii() else None


def mount(app, gateway) -> None:
    """Adds what the checkout's scripts ask for."""
    over_tls = gateway.config.public_url.startswith("https://")

    async def remember(request: Request) -> HTTPResponse:
        """Makes the browser recognisable, or keeps it so: asked for only when somebody wants a card saved."""
        return _with_cookie(secret(request) or saved_cards.new_secret(), over_tls or request.args.get("framed") == "1")

    async def remove(request: Request, token: str) -> HTTPResponse:
        await gateway.store.write(saved_cards.remove_own, door.path_id(token, "tok"), secret(request))
        return HTTPResponse(status=HTTPStatus.NO_CONTENT)

    app.add_route(remember, "/checkout/customer", methods=["POST"], name="checkout_customer")
    app.add_route(remove, "/checkout/cards/<token>", methods=["DELETE"], name="checkout_card")


def _with_cookie(value: str, bound: bool) -> HTTPResponse:
    """The cookie in the form that its place needs.

    In a shop's frame browsers keep only what is partitioned: then the shop that shows the frame is part of the
    cookie's place, and no other shop sees it. That needs TLS, except on this very machine. A page of its own without
    TLS gets the plain form, which every browser keeps.
    """
    answer = HTTPResponse(status=HTTPStatus.NO_CONTENT, headers={"cache-control": "no-store"})
    answer.add_cookie(
        COOKIE, value, path="/", httponly=True, max_age=LASTS_S,
        samesite="None" if bound else "Lax", secure=bound, partitioned=bound, host_prefix=bound,
    )  # fmt: skip
    return answer
