"""Addresses that are not a partner's: refused at registration, never dialled. Real sockets, no services."""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.abc import ResolveResult

from services.notifications.channels.ssrf_guard import leads_outside
from services.notifications.domain.attempt_verdict import Verdict
from tests.integration.notifications.one_attempt import (
    BODY,
    LOOPBACK,
    NOTICE,
    Fake,
    dialled,
    endpoint,
    listener_at,
    listener_everywhere,
    webhook_to,
)
from tests.integration.notifications.parts import Partner, Request, answer_of

pytestmark = pytest.mark.integration


LITERALS = [
    *("127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "2130706433", "017700000001", "0177.0.0.1"),
    *("0", "0.0.0.0", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "127.255.255.254", "127.0.0.2"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]"),
    *("[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "user:pw@127.0.0.1"),
    *("example.com@127.0.0.1", "127.0.0.1%2f", "ip6-localhost", "①②⑦.0.0.1", "127。0。0。1", "[fe80::1%25lo]"),
    *("[fe80::1%251]", "127.0.0.1:{port}@127.0.0.1"),
]  # fmt: skip
RESOLVED = [
    *("127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "::ffff:0:7f00:1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "198.18.0.1", "192.0.0.8", "fd00:ec2::254", "fc00::1", "fe80::1", "224.0.0.1"),
    *("255.255.255.255", "240.0.0.1", "ff02::1", "0.0.0.1", "192.88.99.1", "2001::1", "2001:db8::1", "100::1"),
    *("64:ff9b:1::1",),
]  # fmt: skip


class NoName(Fake):
    """Knows no name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror


class TestRegistration:
    """What a host leads to when it is registered: every answer public, or refused, all alike."""

    @pytest.mark.parametrize("address", RESOLVED)
    async def test_an_inner_address_among_the_answers_is_refused(self, address: str) -> None:
        assert not await leads_outside("partner.example", 0, (), Fake([address]))
        assert not await leads_outside("partner.example", 0, (), Fake(["8.8.8.8", address]))
        assert not await leads_outside("partner.example", 0, (), Fake([address, "2606:4700::1111"]))

    async def test_public_addresses_pass_and_allowed_ones(self) -> None:
        assert await leads_outside("partner.example", 0, (), Fake(["8.8.8.8", "2606:4700::1111"]))
        assert await leads_outside("partner.example", 0, LOOPBACK, Fake(["127.0.0.1"]))

    async def test_a_name_without_an_address_is_refused_like_them(self) -> None:
        assert not await leads_outside("partner.example", 0, (), NoName([]))
        assert not await leads_outside("partner.example", 0, (), Fake([]))

    async def test_reasons_do_not_tell_an_inner_name_from_one_that_is_not_there(self) -> None:
        told = set()
        for resolver in (Fake(["10.0.0.1"]), Fake(["127.0.0.1"]), Fake(["::1"]), NoName([]), None):
            channel = webhook_to((), resolver)
            host = "partner.example" if resolver is not None else "10.0.0.1"
            told.add((await channel.send(endpoint(f"http://{host}:9/"), NOTICE, BODY, datetime.now(UTC))).reason)
            await channel.close()
        assert told == {"no-connection"}


class TestInnerAddresses:
    async def dialled(self, url: str, *answers: list[str]) -> tuple[list[Any], Verdict]:
        """Where we dialled, whether a listener at every local address saw it or not; and what the attempt came to."""
        async with listener_everywhere() as (port, listener):
            channel = webhook_to((), Fake(*answers) if answers else None)
            try:
                async with dialled() as dials:
                    verdict = await channel.send(
                        endpoint(url.replace("{port}", str(port))), NOTICE, BODY, datetime.now(UTC)
                    )
            finally:
                await channel.close()
            return [*dials, *await listener.strangers("127.0.0.1", port)], verdict

    @pytest.mark.parametrize("host", LITERALS)
    async def test_no_spelling_of_this_machine_is_dialled(self, host: str) -> None:
        connections, verdict = await self.dialled(f"http://{host}:{{port}}/hook")
        assert connections == []
        assert not verdict.possibly_sent

    @pytest.mark.parametrize("address", RESOLVED)
    async def test_no_name_leads_inside(self, address: str) -> None:
        connections, verdict = await self.dialled("http://partner.example:{port}/hook", [address])
        assert connections == []
        assert verdict.reason == "no-connection"

    async def test_of_good_and_bad_answers_the_bad_one_is_not_dialled(self) -> None:
        for answers in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "127.0.0.2", "::1"]):
            async with Partner(host="127.0.0.2") as partner, listener_at(partner.port, "127.0.0.1", "::1") as listener:
                channel = webhook_to((ipaddress.ip_network("127.0.0.2/32"),), Fake(answers))
                url = f"http://partner.example:{partner.port}/hook"
                async with dialled() as dials:
                    verdict = await channel.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
                await channel.close()
                assert await listener.strangers("127.0.0.1", partner.port) == []
            assert (dials, verdict.outcome) == (["127.0.0.2"], "delivered")

    async def test_the_guard_lets_pass_what_is_allowed_so_the_count_can_fail(self) -> None:
        async with listener_everywhere() as (port, listener):
            channel = webhook_to(LOOPBACK, Fake(["127.0.0.1"]))
            async with dialled() as dials:
                await channel.send(endpoint(f"http://partner.example:{port}/"), NOTICE, BODY, datetime.now(UTC))
            await channel.close()
            assert len(await listener.strangers("127.0.0.1", port)) == len(dials) == 1

    async def test_a_name_that_turns_inward_the_second_time_is_not_dialled(self) -> None:
        async def last(request: Request) -> bytes:
            return answer_of(204, "connection: close")

        async with Partner(last) as partner, listener_at(partner.port, "127.0.0.2") as listener:
            channel = webhook_to((ipaddress.ip_network("127.0.0.1/32"),), Fake(["127.0.0.1"], ["127.0.0.2"]))
            url = f"http://partner.example:{partner.port}/"
            first = await channel.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
            async with dialled() as dials:
                second = await channel.send(endpoint(url), NOTICE, BODY, datetime.now(UTC))
            await channel.close()
            assert (dials, await listener.strangers("127.0.0.2", partner.port)) == ([], [])
        assert (first.outcome, second.reason, second.possibly_sent) == ("delivered", "no-connection", False)
