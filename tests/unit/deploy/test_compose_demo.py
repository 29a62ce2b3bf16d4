"""The driver of the demo in containers kills what it is asked to kill and takes only a finished day for a result."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.compose.demo import HEALTHY, Containers, Failed, ended_badly, play
from services.notifications.domain.webhook_url_rules import UrlRules, check_url

pytestmark = pytest.mark.unit


class Told(Containers):
    """Containers whose demo says these lines."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines
        self.asked: list[str] = []
        self.killed: list[str] = []

    def lines(self, *arguments: str) -> Iterator[str]:
        self.asked = list(arguments)
        yield from self._lines

    def kill(self, service: str) -> None:
        self.killed.append(service)


class TestPlay:
    def test_the_demo_runs_as_a_neighbour_with_a_name_and_its_last_line_is_the_result(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        containers = Told("a line\n", '{"lost": 0}\n')
        assert play(containers, ["--seed", "2"]) == {"lost": 0}
        assert "--use-aliases" in containers.asked
        assert containers.asked[-3:] == ["demo", "--seed", "2"]
        assert capsys.readouterr().out == "a line\n"

    @pytest.mark.parametrize(("asked", "killed"), [("broker", "kafka"), ("matching", "matching")])
    def test_what_it_asks_to_be_killed_is_killed_once(self, asked: str, killed: str) -> None:
        containers = Told("a line\n", f"KILL {asked}\n", '{"lost": 0}\n')
        play(containers, [])
        assert containers.killed == [killed]

    @pytest.mark.parametrize("lines", [(), ("a line\n",), ('{"lost": 0}\n', "Traceback\n")])
    def test_a_day_without_an_end_is_no_result(self, lines: tuple[str, ...]) -> None:
        with pytest.raises(Failed, match="did not come to its end"):
            play(Told(*lines), [])


class TestEnd:
    def test_is_clean_with_nothing_but_zeros_and_the_143_of_java(self) -> None:
        codes = dict.fromkeys(HEALTHY, 0)
        assert ended_badly(codes) == ended_badly(codes | {"kafka": 143}) == []

    @pytest.mark.parametrize(("name", "code"), [("intake", 1), ("matching", 137), ("database", 143), ("kafka", 137)])
    def test_is_not_clean_with_any_other_code(self, name: str, code: int) -> None:
        assert ended_badly(dict.fromkeys(HEALTHY, 0) | {name: code}) == [name]


class TestPartner:
    def test_a_webhook_may_have_its_name_and_be_in_the_networks_that_docker_gives(self) -> None:
        text = Path("deploy/compose/demo.yml").read_text()
        [name] = re.findall(r"EXTERNAL_SELF: (\S+)", text)
        [networks] = re.findall(r"IEUM_ALLOW_NETWORKS: '(.+)'", text)
        allowed = tuple(ipaddress.ip_network(network) for network in json.loads(networks))
        check_url(f"http://{name}:8110/notices", UrlRules(plain_http=True, ports=frozenset(), allowed=allowed))
        assert f"aliases: [{name}]" in text
        assert all(any(ipaddress.ip_address(each) in one for one in allowed) for each in ("172.18.0.2", "192.168.16.2"))
