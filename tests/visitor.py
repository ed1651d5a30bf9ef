"""Somebody at the dashboard without a browser: cookies, forms with their tokens, answers as they come."""

import http.client
import re
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

PASSWORD = "correct horse"
TIMEOUT_S = 10


class Answer:
    def __init__(self, response: http.client.HTTPResponse, path: str):
        self.status, self.path = response.status, path
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


class Visitor:
    """One browser's worth of cookies; redirects are not followed."""

    def __init__(self, gateway, email: str | None = None, password: str = PASSWORD):
        self._host = f"127.0.0.1:{gateway.port}"
        self.cookies: dict[str, str] = {}
        if email:
            answer = self.log_in(email, password)
            assert answer.status == 303, answer.text

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        return self.submit("/dashboard/login", email=email, password=password)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: dict | list, **headers: str) -> Answer:
        """Sends a form as it is, token or not."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        return self._ask("POST", path, urlencode(fields), headers)

    def submit(self, path: str, page: str | None = None, **fields: str) -> Answer:
        """Sends a form with the token that its page carries."""
        return self.post(path, {"csrf": self.token(page or path), **fields})

    def token(self, page: str) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get(page).text)
        assert found, f"There is no form on {page}."
        return found[1]

    def _ask(self, method: str, path: str, body: str | None, headers: dict) -> Answer:
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request(method, path, body, headers | ({"Cookie": cookie} if cookie else {}))
            answer = Answer(connection.getresponse(), path)
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer


class Forms(HTMLParser):
    """Every form of a page: its method and where it goes."""

    def __init__(self, text: str, path: str):
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._path = urlsplit(path).path
        self.feed(text)

    def handle_starttag(self, tag: str, attributes) -> None:
        given = dict(attributes)
        if tag == "form":
            self.found.append((given.get("method", "get"), given.get("action") or self._path))
        if tag == "button" and given.get("formaction"):
            self.found.append(("post", given["formaction"]))
