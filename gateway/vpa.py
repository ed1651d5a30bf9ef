"""How a payer is addressed without a card: a UPI address, a bank for netbanking, a wallet.

The lists of banks and wallets are what the checkout offers; others are accepted, since the processor knows better.
"""

import re

from gateway.errors import BadRequest, InvalidVpa

# NPCI: up to 256 letters, digits, dots, hyphens and underscores, then the handle of a payment app, which has no dot.
_VPA = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}")
_CODE = re.compile(r"[A-Za-z0-9_]{2,32}")

BANKS = {
    "HDFC": "HDFC Bank",
    "ICIC": "ICICI Bank",
    "SBIN": "State Bank of India",
    "UTIB": "Axis Bank",
    "KKBK": "Kotak Mahindra Bank",
    "PUNB": "Punjab National Bank",
    "BARB": "Bank of Baroda",
    "CNRB": "Canara Bank",
    "UBIN": "Union Bank of India",
    "IDFB": "IDFC FIRST Bank",
    "INDB": "IndusInd Bank",
    "YESB": "Yes Bank",
    "FDRL": "Federal Bank",
    "IBKL": "IDBI Bank",
    "BKID": "Bank of India",
    "IDIB": "Indian Bank",
}
WALLETS = {
    "paytm": "Paytm",
    "phonepe": "PhonePe",
    "amazonpay": "Amazon Pay",
    "mobikwik": "MobiKwik",
    "freecharge": "Freecharge",
    "airtelmoney": "Airtel Money",
    "jiomoney": "JioMoney",
    "olamoney": "Ola Money",
}


def check_vpa(vpa: object) -> str:
    """The address itself if it is shaped like one (`name@handle`); raises InvalidVpa otherwise."""
    if isinstance(vpa, str) and _VPA.fullmatch(vpa):
        return vpa
    raise InvalidVpa("UPI address must look like name@bank", field="vpa")


def check_bank(bank: object) -> str:
    """The code of a bank, such as HDFC; raises BadRequest if it cannot be one."""
    if isinstance(bank, str) and _CODE.fullmatch(bank):
        return bank
    raise BadRequest("Bank must be the code of a bank, such as HDFC", field="bank")


def check_wallet(wallet: object) -> str:
    """The name of a wallet, such as paytm; raises BadRequest if it cannot be one."""
    if isinstance(wallet, str) and _CODE.fullmatch(wallet):
        return wallet
    raise BadRequest("Wallet must be the name of a wallet, such as paytm", field="wallet")
