"""Under which address others reach a server: never under one that means everywhere."""

from ipaddress import ip_address

import pytest

from gateway import reach
from gateway.config import Config, Server


@pytest.mark.parametrize("host", reach.EVERYWHERE)
def test_a_link_to_a_server_on_all_addresses_names_one_of_them(host, tmp_path):
    url = Config(data_dir=tmp_path, server=Server(host=host, port=8123)).public_url
    assert url == f"http://{reach.own_address()}:8123"
    assert not ip_address(reach.own_address()).is_unspecified


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("shop", "http://shop:80")]
)
def test_any_other_host_stays_as_it_is(host, url):
    assert reach.url(host, 80) == url
