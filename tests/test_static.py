"""How the files of our pages reach a browser, and that nothing else does."""

import gzip
import hashlib
from base64 import b64encode
from http.client import HTTPConnection

import pytest

from gateway.web.static import Static
from tests.door_client import FILES, PATIENCE_S, ask, get, running

VERSION = hashlib.sha384(FILES["app.css"]).hexdigest()[:16]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("door")) as server:
        yield server


def test_a_file_is_served_under_its_name(server):
    answer = ask(server, get("/static/app.css"))
    assert (answer.status, answer.body) == (200, FILES["app.css"])
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"
    assert ask(server, get("/static/icons/logo.svg")).body == FILES["icons/logo.svg"]


def test_a_file_under_the_address_of_its_version_is_kept_for_ever(server):
    assert "immutable" in ask(server, get(f"/static/app.css?v={VERSION}")).headers["cache-control"]
    assert ask(server, get("/static/app.css?v=0123456789abcdef")).headers["cache-control"] == "no-cache"


def test_a_browser_that_has_the_file_is_told_so(server):
    etag = ask(server, get("/static/app.css")).headers["etag"]
    assert etag == f'"{VERSION}"'
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = ask(server, get("/static/app.css", f"If-None-Match: {known}"))
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert ask(server, get("/static/app.css", 'If-None-Match: "other"')).status == 200


@pytest.mark.parametrize(
    "accepted, zipped",
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("br", False), ("", False)],
)
def test_a_file_is_sent_compressed_to_those_who_take_it(server, accepted, zipped):
    answer = ask(server, get("/static/app.css", f"Accept-Encoding: {accepted}"))
    assert ("content-encoding" in answer.headers) == zipped
    assert (gzip.decompress(answer.body) if zipped else answer.body) == FILES["app.css"]
    assert answer.headers["etag"] == (f'"{VERSION}-gzip"' if zipped else f'"{VERSION}"')
    assert answer.headers["vary"] == "accept-encoding"
    assert "content-encoding" not in ask(server, get("/static/tiny.js", "Accept-Encoding: gzip")).headers


def test_the_head_of_a_file_can_be_asked_alone(server):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("HEAD", "/static/app.css", headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert answer.headers["content-length"] == str(len(FILES["app.css"]))
    connection.close()


def test_pages_name_files_with_their_version_and_hash(tmp_path):
    (tmp_path / "app.css").write_bytes(FILES["app.css"])
    (tmp_path / ".DS_Store").write_bytes(b"")
    static = Static(tmp_path)
    assert list(static.files) == ["app.css"]
    assert static.url("app.css") == f"/static/app.css?v={VERSION}"
    assert static.integrity("app.css") == "sha384-" + b64encode(hashlib.sha384(FILES["app.css"]).digest()).decode()


@pytest.mark.parametrize("name", ["a b.css", "a..css", "page.php", "Makefile", "ä.css"])
def test_a_file_that_cannot_be_served_stops_the_start(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="not served"):
        Static(tmp_path)


def test_our_own_files_can_all_be_served():
    assert Static().files
