"""One request in curl, Python and Node, ready to be copied and run."""

import json
import re
import shlex
from typing import NamedTuple

from gateway.web.reference import Operation

JSON = "application/json"
PLACEHOLDER = re.compile(r"{(\w+)}")


class Caller(NamedTuple):
    """Whose examples these are: where the gateway is, and the key that stands in them."""

    base: str
    key_id: str
    secret: str


def of(operation: Operation, caller: Caller) -> list[tuple[str, str]]:
    """The languages and the texts; ids in the address are left in capitals, such as `ORDER_ID`."""
    url = caller.base + PLACEHOLDER.sub(lambda name: name[1].upper(), operation.path)
    return [
        ("curl", _curl(operation, url, caller)),
        ("Python", _python(operation, url, caller)),
        ("Node", _node(operation, url, caller)),
    ]


def _curl(operation: Operation, url: str, caller: Caller) -> str:
    usual = "POST" if operation.example else "GET"
    parts = ["curl" + ("" if operation.method == usual else f" -X {operation.method}") + f" {url}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in _headers(operation, caller).items()]
    if operation.example:
        parts.append(f"-d {shlex.quote(_text(operation.example))}")
    return " \\\n  ".join(parts)


def _python(operation: Operation, url: str, caller: Caller) -> str:
    arguments = [json.dumps(url), f'method="{operation.method}"']
    if headers := _headers(operation, caller):
        arguments.append(f"headers={_python_dict(headers)}")
    if operation.example:
        arguments.append(f"data=json.dumps({_python_dict(operation.example)}).encode()")
    given = "".join(f"    {argument},\n" for argument in arguments)
    return (
        "import json, urllib.request\n\n"
        f"request = urllib.request.Request(\n{given})\n"
        "with urllib.request.urlopen(request) as answer:\n"
        "    print(json.load(answer))"
    )


def _python_dict(pairs: dict) -> str:
    words = {name: str(value) if isinstance(value, bool) else _text(value) for name, value in pairs.items()}
    return "{\n" + "".join(f"        {_text(name)}: {word},\n" for name, word in words.items()) + "    }"


def _node(operation: Operation, url: str, caller: Caller) -> str:
    options = [f"method: '{operation.method}'"]
    if headers := _headers(operation, caller):
        options.append(f"headers: {_object(headers)}")
    if operation.example:
        options.append(f"body: JSON.stringify({_object(operation.example)})")
    given = "".join(f"  {option},\n" for option in options)
    return f"const answer = await fetch('{url}', {{\n{given}}})\nconsole.log(await answer.json())"


def _object(pairs: dict) -> str:
    return "{\n" + "".join(f"    {_text(name)}: {_text(value)},\n" for name, value in pairs.items()) + "  }"


def _headers(operation: Operation, caller: Caller) -> dict[str, str]:
    headers = {"X-Api-Key": caller.key_id, "X-Api-Secret": caller.secret} if operation.secured else {}
    return headers | ({"Content-Type": JSON} if operation.example else {})


def _text(value) -> str:
    return json.dumps(value, ensure_ascii=False)
