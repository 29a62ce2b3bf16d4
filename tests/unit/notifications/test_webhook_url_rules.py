"""Where webhooks may go: the table of attacks."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.refused_option import OptionRefused
from services.notifications.domain.webhook_url_rules import UrlRules, check_url, may_dial

pytestmark = pytest.mark.unit

INNER = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9"),
    *("192.168.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "168.63.129.16",
    *("192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:8.8.8.8"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fd12:3456::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "4000::1", "2620:4f:8000::1"),
]
NO_ADDRESS = ["", "localhost", "127.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1.", "1.2.3", "a", "[::1]"]
OUTER = ["8.8.8.8", "1.1.1.1", "211.249.220.24", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2400:cb00::1"]
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
INSIDE = UrlRules(plain_http=True, ports=frozenset(), allowed=LOOPBACK)


class TestMayDial:
    @pytest.mark.parametrize("address", INNER + NO_ADDRESS)
    def test_inner_special_and_malformed_addresses_are_refused(self, address: str) -> None:
        assert not may_dial(address)

    @pytest.mark.parametrize("address", OUTER)
    def test_public_addresses_are_allowed(self, address: str) -> None:
        assert may_dial(address)

    def test_an_exception_opens_only_its_network(self) -> None:
        assert may_dial("127.0.0.1", LOOPBACK)
        assert not may_dial("10.0.0.1", LOOPBACK)
        assert not may_dial("::ffff:127.0.0.1", LOOPBACK)
        assert not may_dial("169.254.169.254", LOOPBACK)

    @given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
    def test_nothing_that_is_not_global_passes(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        assert address.is_global or not may_dial(str(address))


BAD_URLS = [
    ("http://example.com/", "url-scheme"),
    ("ftp://example.com/", "url-scheme"),
    ("file:///etc/passwd", "url-scheme"),
    ("gopher://example.com/_x", "url-scheme"),
    ("//example.com/", "url-scheme"),
    ("javascript:alert(1)", "url-scheme"),
    ("", "url-scheme"),
    ("https://user:secret@example.com/", "url-credentials"),
    ("https://example.com@127.0.0.1/", "url-credentials"),
    ("https://@example.com/", "url-credentials"),
    ("https://example.com/#@127.0.0.1", "url-fragment"),
    ("https://example.com#", "url-fragment"),
    ("https://example.com\\@127.0.0.1/", "url-form"),
    ("https://example.com/a b", "url-form"),
    ("https://example.com/\r\nx: y", "url-form"),
    ("https://example.com/\x00", "url-form"),
    ("https://例え.jp/", "url-form"),
    ("https://ｅxample.com/", "url-form"),
    ("https://127。0。0。1/", "url-form"),
    ("https://example.com/" + "a" * 500, "url-form"),
    ("https://[::1/", "url-form"),
    ("https://example.com:99999/", "url-form"),
    ("https://example.com:abc/", "url-form"),
    ("https://example.com:22/", "url-port"),
    ("https://example.com:9092/", "url-port"),
    ("https://example.com:27017/", "url-port"),
    ("https://example.com:80/", "url-port"),
    ("https://example.com:0/", "url-port"),
    ("https://127.0.0.1/", "url-address"),
    ("https://127.1/", "url-address"),
    ("https://0x7f000001/", "url-address"),
    ("https://0x7f.1/", "url-address"),
    ("https://2130706433/", "url-address"),
    ("https://017700000001/", "url-address"),
    ("https://0177.0.0.1/", "url-address"),
    ("https://127.0.0.1./", "url-host"),
    ("https://169.254.169.254/latest/meta-data/", "url-address"),
    ("https://[::1]/", "url-address"),
    ("https://[::ffff:127.0.0.1]/", "url-address"),
    ("https://[fd00:ec2::254]/", "url-address"),
    ("https://[64:ff9b::7f00:1]/", "url-address"),
    ("https://[fe80::1%25eth0]/", "url-address"),
    ("https://localhost/", "url-host"),
    ("https://a.localhost/", "url-host"),
    ("https://metadata.google.internal/", "url-host"),
    ("https://printer.local/", "url-host"),
    ("https://mongodb/", "url-host"),
    ("https://example..com/", "url-host"),
    ("https://-example.com/", "url-host"),
    ("https:///path", "url-host"),
    ("https://%31%32%37.0.0.1/", "url-host"),
]


class TestCheckUrl:
    @pytest.mark.parametrize(("url", "rule"), BAD_URLS)
    def test_a_url_that_may_not_be_called_is_refused_with_its_rule(self, url: str, rule: str) -> None:
        with pytest.raises(OptionRefused) as refused:
            check_url(url, UrlRules())
        assert refused.value.rule == rule

    @pytest.mark.parametrize(
        "url",
        ["https://example.com", "https://hook.example.com:8443/a?b=c", "https://xn--r8jz45g.jp/", "https://8.8.8.8/x"],
    )
    def test_public_https_urls_are_taken(self, url: str) -> None:
        check_url(url, UrlRules())

    def test_development_may_take_loopback(self) -> None:
        check_url("http://127.0.0.1:8901/hook", INSIDE)
        with pytest.raises(OptionRefused):
            check_url("http://10.0.0.1:8901/hook", INSIDE)
