"""UPI addresses, banks and wallets as the door takes them."""

import pytest

from gateway import vpa
from gateway.errors import BadRequest, InvalidVpa

NEVER = ["", " ", "a b", "HDFC\n", "ब्यांक", "HDFC-1", "x" * 33, "a", None, 7, ["HDFC"]]


@pytest.mark.parametrize(
    "address",
    [
        "success@razorpay", "failure@razorpay", "user@paytm", "user.name@okhdfcbank", "9876543210@ybl", "a_b-c.d@oksbi",
        "UPPER@Case", "ab@cd", "x" * 256 + "@upi", "user@axis2",
    ],
)  # fmt: skip
def test_addresses_as_people_have_them(address):
    assert vpa.check_vpa(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "user", "@paytm", "user@", "a@paytm", "user@x", "user@@paytm", "user@paytm@upi", "user name@paytm",
        "user@pay tm", " user@paytm", "user@paytm ", "user@paytm\n", "us\x00er@paytm", "user@example.com",
        "user@pay-tm", "user@1bank", "üser@paytm", "user@pаytm", "user＠paytm", "user+tag@paytm",
        "x" * 257 + "@upi", "user@" + "x" * 65, None, 7, ["user@paytm"],
    ],
)  # fmt: skip
def test_what_is_no_address(address):
    with pytest.raises(InvalidVpa) as refusal:
        vpa.check_vpa(address)
    assert refusal.value.as_json()["error"]["code"] == "INVALID_VPA"
    assert refusal.value.field == "vpa"


@pytest.mark.parametrize("code", [*vpa.BANKS, "hdfc", "SIB_C", "PUNB_R"])
def test_banks_that_we_list_and_banks_that_only_the_processor_knows(code):
    assert vpa.check_bank(code) == code


@pytest.mark.parametrize("name", [*vpa.WALLETS, "payzapp"])
def test_wallets_that_we_list_and_wallets_that_only_the_processor_knows(name):
    assert vpa.check_wallet(name) == name


@pytest.mark.parametrize("code", NEVER)
@pytest.mark.parametrize(("check", "field"), [(vpa.check_bank, "bank"), (vpa.check_wallet, "wallet")])
def test_what_cannot_be_a_bank_or_a_wallet(check, field, code):
    with pytest.raises(BadRequest) as refusal:
        check(code)
    assert (refusal.value.code, refusal.value.field) == ("BAD_REQUEST_ERROR", field)
