"""The merchant's own account over HTTP: tokens, balance, statistics."""

from gateway import ledger, objects, stats
from gateway.web import auth, queries
from gateway.web.routes import Call, Route, json


async def token(call: Call):
    return json(await call.gateway.authenticator.issue_token(call.request, call.body))


def balance(call: Call):
    return show_balance, call.owner


def show_balance(tx, owner):
    return {"entity": "balance", "mode": owner.mode, "balances": ledger.balances(tx, owner)}


def statistics(call: Call):
    return stats.of_period, call.owner, call.query.get("from"), call.query.get("to")


ROUTES = [
    Route("POST", "/auth/token", token, "Get a token for an e-mail and password", auth.Token, auth.Login,
          access="open", tag="Account"),
    Route("GET", "/balance", balance, "Show what the gateway owes the merchant", objects.Balance, tag="Account"),
    Route("GET", "/stats", statistics, "Count payments and refunds of a period", objects.Stats,
          query=queries.PERIOD, tag="Account"),
]  # fmt: skip
