"""What a JSON body may hold, and that what we write is what JavaScript would have written."""

import contextlib
import json
import random
import subprocess
import time

import pytest

from gateway.errors import BadRequest
from gateway.strict_json import dumps, js_key_order, parse


def in_short(value) -> str:
    return f"{str(value)[:30]!r}:{len(str(value))}"


# (body, what the description mentions, field)
REFUSED = [
    ("", "empty", None),
    (" ", "not valid JSON", None),
    ("null", "JSON object", None),
    ("[]", "JSON object", None),
    ('"x"', "JSON object", None),
    ("7", "JSON object", None),
    ("true", "JSON object", None),
    ('[{"amount":100}]', "JSON object", None),
    ('{"amount":NaN}', "NaN", "amount"),
    ('{"amount":Infinity}', "Infinity", "amount"),
    ('{"amount":-Infinity}', "-Infinity", "amount"),
    ('{"amount":1e309}', "minor unit", "amount"),
    ('{"amount":1e308}', "minor unit", "amount"),
    ('{"amount":1E2}', "minor unit", "amount"),
    ('{"amount":1.0}', "minor unit", "amount"),
    ('{"amount":500.5}', "minor unit", "amount"),
    ('{"amount":-0.0}', "minor unit", "amount"),
    ('{"amount":-0}', "zero", "amount"),
    ("1.0", "minor unit", None),
    ('{"amount":01}', "not valid JSON", None),
    ('{"amount":+1}', "not valid JSON", None),
    ('{"amount":.5}', "not valid JSON", None),
    ('{"amount":0x10}', "not valid JSON", None),
    ('{"amount":１２}', "not valid JSON", None),
    ('{"amount":' + "9" * 26 + "}", "25 digits", "amount"),
    ('{"amount":' + "9" * 5_000 + "}", "25 digits", "amount"),
    ('{"amount":' + "9" * 100_000 + "}", "25 digits", "amount"),
    ('{"amount":1,"amount":2}', "twice", "amount"),
    ('{"card":{"number":"4","number":"5"}}', "twice", "card.number"),
    ('{"events":["a",{"b":1,"b":1}]}', "twice", "events.1.b"),
    ("[" * 33 + "]" * 33, "32 levels", None),
    ('{"a":' * 33 + "1" + "}" * 33, "32 levels", None),
    ("[" * 500 + "]" * 500, "32 levels", None),
    ("[" * 100_000, "too many parts", None),
    ("[" + "{}," * 300_000 + "{}]", "too many parts", None),
    ('{"a":' + "[" * 9_000, "32 levels", None),
    ("\ufeff{}", "byte order mark", None),
    ("{'amount':1}", "not valid JSON", None),
    ('{"amount":1,}', "not valid JSON", None),
    ('{"amount":1}//', "not valid JSON", None),
    ('{/* */"amount":1}', "not valid JSON", None),
    ('{"amount":1}{"amount":2}', "not valid JSON", None),
    ('{"amount":1} x', "not valid JSON", None),
    ('{"amount":1}\0', "not valid JSON", None),
    ('{"amount"', "not valid JSON", None),
    ('{"a":"\\x"}', "not valid JSON", None),
    ('{"a":"\\u12"}', "not valid JSON", None),
    ('{"notes":{"gift":"\\ud83d"}}', "surrogate", "notes.gift"),
    ('{"notes":{"gift":"\\ude00\\ud83d"}}', "surrogate", "notes.gift"),
    ('{"notes":{"\\ud83d":"gift"}}', "surrogate", "notes"),
    ('{"receipt":"a\\u0000"}', "control", "receipt"),
    ('{"receipt":"a\\u001b[31m"}', "control", "receipt"),
    ('{"receipt":"a\\b"}', "control", "receipt"),
    ('{"receipt":"a\\u007f"}', "control", "receipt"),
    ('{"receipt":"a\x7f"}', "control", "receipt"),
    ('{"receipt":"a\x85"}', "control", "receipt"),
    ('{"notes":{"a\\nb":"c"}}', "control", "notes"),
    ('{"\\u0000":"c"}', "control", None),
    ('{"events":["\\u0000"]}', "control", "events.0"),
    ('{"receipt":"a\x00"}', "control character", None),
    ('{"receipt":"a\nb"}', "control character", None),
    ('{"receipt":"a\tb"}', "control character", None),
]


@pytest.mark.parametrize("body, mention, field", REFUSED, ids=in_short)
def test_a_body_that_is_not_plain_json_is_refused_with_a_reason(body, mention, field):
    with pytest.raises(BadRequest) as refusal:
        parse(body.encode())
    assert mention in refusal.value.description
    assert refusal.value.field == field


@pytest.mark.parametrize("body", [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xf5"}'])
def test_a_body_that_is_not_utf_8_is_refused(body):
    with pytest.raises(BadRequest, match="not UTF-8"):
        parse(body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_of_good_json_are_refused(encoding):
    with pytest.raises(BadRequest):
        parse('{"amount": 1}'.encode(encoding))


@pytest.mark.parametrize(
    "body, value",
    [
        ("{}", {}),
        (' \r\n\t{ "amount" : 50000 } \n', {"amount": 50000}),
        ('{"amount":0,"b":-1}', {"amount": 0, "b": -1}),
        ('{"a":' + "9" * 25 + "}", {"a": 10**25 - 1}),
        ('{"a":true,"b":false,"c":null}', {"a": True, "b": False, "c": None}),
        ('{"a":"1.0 NaN -0 {{{[[["}', {"a": "1.0 NaN -0 {{{[[["}),
        ('{"a":"' + '[\\"{' * 100 + '"}', {"a": '["{' * 100}),
        ('{"a":"two\\nlines\\tand a tab"}', {"a": "two\nlines\tand a tab"}),
        ('{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a":"😀 रामा \u200d\u202e\u2028"}', {"a": "😀 रामा \u200d\u202e\u2028"}),
        ('{"__proto__":"x","":"y"}', {"__proto__": "x", "": "y"}),
        ('{"a":' * 32 + "1" + "}" * 32, None),
    ],
    ids=in_short,
)
def test_ordinary_documents_pass_unchanged(body, value):
    assert parse(body.encode()) == (json.loads(body) if value is None else value)


def test_no_body_of_the_permitted_size_keeps_the_others_waiting():
    distinct = ",".join(f'"{number}":1' for number in range(9_000))
    hostile = [
        "{" + distinct + ',"8999":1}',
        "[" * 40 + '"' + '\\"' * 500_000,
        '{"a":"' + '\\"' * 500_000 + '"' + "[" * 40,
        '{"' + "k" * 1_000_000 + '":1.0}',
        "1" * 1_000_000,
    ]
    for body in hostile:
        started = time.process_time()
        with pytest.raises(BadRequest):
            parse(body.encode())
        assert time.process_time() - started < 0.25


def test_no_damage_to_a_document_makes_it_mean_something_else():
    rng = random.Random(20261123)
    whole = [body.encode() for body, *_ in REFUSED if 1 < len(body) < 200] + [dumps(_document(rng)) for _ in range(100)]
    passed = 0
    for _ in range(20_000):
        damaged = bytearray(rng.choice(whole))
        place = rng.randrange(len(damaged) + 1)
        damaged[place : place + rng.choice([0, 1, 5])] = rng.choice(
            [b"", b'"', b",", b"0", b"\\", b"\xff", b"{", b"e1"]
        )
        with contextlib.suppress(BadRequest):
            assert dumps(parse(bytes(damaged))) == dumps(json.loads(damaged))
            passed += 1
    assert passed > 500


def test_a_hostile_field_name_is_shortened_in_the_answer():
    with pytest.raises(BadRequest) as refusal:
        parse(b'{"' + b"k" * 100_000 + b'":1.0}')
    assert refusal.value.field == "k" * 100


def test_javascript_lists_array_indices_first():
    notes = dict.fromkeys(["b", "10", "9", "a", "4294967294", "4294967295", "01", "-1", "٣", "0"], "x") | {"9": "y"}
    assert list(js_key_order(notes)) == ["0", "9", "10", "4294967294", "b", "a", "4294967295", "01", "-1", "٣"]
    assert js_key_order(notes) == notes
    assert js_key_order({}) == {}


@pytest.mark.parametrize(
    "value, written",
    [
        ({"id": "evt_1", "n": 170, "x": None, "y": [True, False]}, '{"id":"evt_1","n":170,"x":null,"y":[true,false]}'),
        ({"a": '"\\/<>&\x7f\u2028é😀'}, '{"a":"\\"\\\\/<>&\x7f\u2028é😀"}'),
        ({"a": "\x00\x1f\b\t\n\f\r"}, '{"a":"\\u0000\\u001f\\b\\t\\n\\f\\r"}'),
        ({"a": 2**53 - 1, "b": -(2**53)}, '{"a":9007199254740991,"b":-9007199254740992}'),
    ],
)
def test_answers_are_compact_utf_8(value, written):
    assert dumps(value) == written.encode()


STRINGIFY = (
    "const lines=require('fs').readFileSync(0,'utf8').split('\\n').slice(0,-1);"
    "process.stdout.write(lines.map(line=>JSON.stringify(JSON.parse(line))+'\\n').join(''))"
)


def test_node_writes_the_same_bytes_after_reading_ours():
    rng = random.Random(20261123)
    documents = [dumps(_document(rng)) for _ in range(4_000)]
    ours = b"".join(document + b"\n" for document in documents)
    node = subprocess.run(["node", "-e", STRINGIFY], input=ours, stdout=subprocess.PIPE, check=True, timeout=30)
    assert node.stdout.split(b"\n") == ours.split(b"\n")


NAMES = ["id", "notes", "", "__proto__", "toJSON", "constructor"]
NUMERALS = ["0", "9", "10", "01", "-1", "1.0", "4294967294", "4294967295", "٣"]
CHARACTERS = 'a"\\/<&\x00\x08\n\x1f\x7f\x85éअ\u2028\ufeff\uffff😀'
NUMBERS = [0, 1, -1, 100, 2**31, 2**32, 2**53, -(2**53), 1705315870]


def _document(rng, depth=0):
    kind = rng.choice(["object", "object", "list", "text", "number", "constant"]) if depth else "object"
    if depth < 4 and kind == "object":
        return js_key_order({_key(rng): _document(rng, depth + 1) for _ in range(rng.randrange(6))})
    if depth < 4 and kind == "list":
        return [_document(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == "number":
        return rng.choice([rng.choice(NUMBERS), rng.randint(-(2**53), 2**53)])
    return rng.choice([None, True, False]) if kind == "constant" else _key(rng)


def _key(rng):
    text = "".join(rng.choices(CHARACTERS, k=rng.randrange(8)))
    return rng.choice([rng.choice(NAMES), rng.choice(NUMERALS), str(rng.randrange(30)), text])
