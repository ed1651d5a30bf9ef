"""Files that hold exactly what was filtered and that no spreadsheet runs; charts that any reader can read."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from gateway import charts, exports
from gateway.reports.lists import ALWAYS
from gateway.reports.payments import Filters
from tests.dashboard_scenes import Shop, open_shops


@pytest.fixture
def alice(store):
    open_shops(store)
    return Shop(store, "alice")


def exported(shop, export) -> list[dict]:
    rows, before = [], None
    while True:
        more, before = shop.store.read_now(exports.piece, export, before)
        rows += more
        if before is None:
            return rows


def test_an_export_holds_exactly_the_filtered_rows_however_many_pieces_it_takes(alice, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 2)
    paid = [alice.paid(12_345) for _ in range(5)]
    alice.failed()
    Shop(alice.store, "bob").paid()
    rows = exported(alice, exports.payments(alice.owner, Filters(status="success")))
    assert [row["id"] for row in rows] == paid[::-1]
    assert {row["amount"] for row in rows} == {"123.45"}


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\tx"), ("\r=x", "'\r=x"),
        ("plain", "plain"), ("a=b", "a=b"), (None, ""), (-5, "-5"), ('say "x", y\nz', 'say "x", y\nz'),
    ],
)  # fmt: skip
def test_no_cell_becomes_a_formula_and_none_is_lost(cell, written):
    [row] = csv.reader(io.StringIO(exports.as_csv([(cell, "end")])))
    assert row == [written, "end"]


def test_the_heading_names_the_columns_and_json_is_one_array(alice):
    alice.paid()
    export = exports.payments(alice.owner, Filters())
    rows = exported(alice, export)
    assert exports.as_csv([export.heading]).startswith("id,order_id,created_at,status,method,currency,amount,")
    text = "".join(exports.as_json(rows, first=True)) + "".join(exports.as_json(rows, first=False))
    assert len(json.loads(f"[{text}]")) == 2


def test_every_column_stands_under_its_name(alice):
    alice.refunded(alice.paid())
    for export in (
        exports.payments(alice.owner, Filters()),
        exports.orders(alice.owner, ALWAYS, ()),
        exports.refunds(alice.owner, ALWAYS, ()),
    ):
        [row] = exported(alice, export)
        assert tuple(row) == export.heading


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(12345, "INR", "123.45"), (5, "INR", "0.05"), (500, "JPY", "500"), (1, "KWD", "0.001")],
)
def test_amounts_are_written_as_decimals(amount, currency, written):
    assert exports._decimal(amount, currency) == written


# Charts


def shapes(svg, name):
    return [shape for shape in ElementTree.fromstring(str(svg)).iter() if shape.get("class") == name]


def test_columns_are_as_high_as_their_values_and_say_so():
    bars = [charts.Bar(100, "Mon: ₹1"), charts.Bar(50, "Tue <b>"), charts.Bar(0, "Wed")]
    svg = charts.columns(bars, "Volume & <more>", 200)
    root = ElementTree.fromstring(str(svg))
    assert root.get("role") == "img" and root.get("aria-label") == "Volume & <more>"
    assert [float(bar.get("height")) for bar in shapes(svg, "chart-fill")] == [100, 50]
    assert [bar.get("data-tip") for bar in shapes(svg, "chart-bar")] == ["Mon: ₹1", "Tue <b>", "Wed"]


def test_charts_need_no_style_and_survive_nothing():
    for svg in (charts.columns([], "x", 1), charts.share(0, 0, "x")):
        assert "style" not in svg and ElementTree.fromstring(str(svg)) is not None


@pytest.mark.parametrize(("top", "end"), [(0, 1), (1, 1), (3, 5), (11, 20), (51, 100), (12_345, 20_000)])
def test_an_axis_ends_on_a_round_number(top, end):
    assert charts.axis(top) == end
