"""Money is an integer in the smallest unit of an ISO 4217 currency; here it is checked and shown to people."""

from typing import Annotated

from msgspec import Meta

from gateway.errors import BadRequest

MAX_AMOUNT = 2**53 - 1  # The largest integer that JavaScript keeps exactly.
MIN_AMOUNT = 100
MIN_AMOUNT_WITHOUT_DECIMALS = 1
# Shown in the OpenAPI document; `check_amount` knows the currency and says more.
Amount = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_AMOUNT})]

# ISO 4217 list one of 2026-01-01, without funds codes, metals, testing codes and units of account (CLF, UYI, UYW …).
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
        CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES
        KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
        NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
        TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
CURRENCIES = {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}

_SYMBOLS = {
    "INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "KRW": "₩", "VND": "₫", "ILS": "₪",
    "PHP": "₱", "BRL": "R$", "AUD": "A$", "CAD": "CA$", "NZD": "NZ$", "HKD": "HK$", "MXN": "MX$", "TWD": "NT$",
}  # fmt: skip


def check_currency(code: object, field: str = "currency") -> str:
    """The code itself, if it names a currency that people pay with; raises BadRequest otherwise."""
    if isinstance(code, str) and code in CURRENCIES:
        return code
    raise BadRequest("Currency must be an ISO 4217 code in capital letters, such as INR", field=field)


def exponent(currency: str) -> int:
    """How many decimals the currency has: 0, 2 or 3; raises BadRequest for an unknown one."""
    return CURRENCIES[check_currency(currency)]


def min_amount(currency: str) -> int:
    """The smallest amount that may be charged, in minor units."""
    return MIN_AMOUNT if exponent(currency) else MIN_AMOUNT_WITHOUT_DECIMALS


def check_amount(amount: object, currency: str, field: str = "amount") -> int:
    """The amount itself, if it can be charged in this currency; raises BadRequest otherwise."""
    least = min_amount(currency)
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise BadRequest("Amount must be an integer in the smallest unit of the currency", field=field)
    if amount < least:
        raise BadRequest(f"Amount must be at least {least} ({display(least, currency)})", field=field)
    if amount > MAX_AMOUNT:
        raise BadRequest(f"Amount must be at most {MAX_AMOUNT}", field=field)
    return amount


def display(amount: int, currency: str, locale: str = "en-IN") -> str:
    """`12345678` in INR becomes `₹1,23,456.78`; an Indian locale groups in lakhs, any other in thousands."""
    decimals = exponent(currency)
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    number = _grouped(whole, 2 if locale.endswith("-IN") else 3) + ("." + fraction if decimals else "")
    return ("-" if amount < 0 else "") + _SYMBOLS.get(currency, currency + " ") + number


def grouped(number: int, locale: str = "en-IN") -> str:
    """`1234567` becomes `12,34,567` in an Indian locale, `1,234,567` in any other."""
    return ("-" if number < 0 else "") + _grouped(str(abs(number)), 2 if locale.endswith("-IN") else 3)


def _grouped(digits: str, size: int) -> str:
    """The last three digits stand together, those before them in groups of `size`."""
    head, groups = digits[:-3], [digits[-3:]]
    while head:
        groups.append(head[-size:])
        head = head[:-size]
    return ",".join(reversed(groups))
