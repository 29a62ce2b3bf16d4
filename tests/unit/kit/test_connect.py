"""What cannot be an address is said in one line, like what does not answer."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import ConfigurationError

from shared.kit.kafka.rights import Rights
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime import connect
from shared.kit.runtime.connect import KAFKA_MISSING, MONGODB_MISSING, CannotStart, open_kafka, open_mongo
from shared.kit.runtime.settings import ServiceSettings
from tests.support.keys import A_KEY, ANOTHER_KEY

pytestmark = pytest.mark.unit
RIGHTS = Rights(user="s", writes=("people",), reads=(), groups=())


def settings(url: str) -> ServiceSettings:
    keys: dict[str, Any] = {"id_key": A_KEY, "sealing_key": ANOTHER_KEY}  # their own: an address may be anything
    return ServiceSettings(profile="development", service="intake", kafka="127.0.0.1:1", mongo_url=url, port=0, **keys)


class TestOpenMongo:
    @pytest.mark.parametrize(
        "url", ["mongodb://ieum:hu@sh@db/", "mongodb://ieum:hu/sh@db/", "mongodb://db:port/", "mongodb://[::1/"]
    )
    async def test_says_that_it_is_no_address_and_never_the_password(self, url: str) -> None:
        with pytest.raises(CannotStart, match="IEUM_MONGO_URL") as raised:
            await open_mongo(settings(url), {})
        assert raised.value.code == MONGODB_MISSING
        assert "sh@" not in str(raised.value) + str(raised.value.values)

    @pytest.mark.parametrize(
        ("url", "remedy"), [("mongodb+srv://no-such-name.invalid/", "resolved"), ("mongodb://db/", "options")]
    )
    async def test_tells_a_name_that_cannot_be_resolved_from_a_server_that_is_no_replica_set(
        self, url: str, remedy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fails(*_: Any) -> None:
            raise ConfigurationError("The DNS query name does not exist")

        monkeypatch.setattr(connect, "ping", fails)
        with pytest.raises(CannotStart, match=remedy) as raised:
            await open_mongo(settings(url), {})
        assert raised.value.code == MONGODB_MISSING


class TestOpenKafka:
    @pytest.mark.parametrize("brokers", ["broker:port", "[::1", ":"])
    async def test_says_that_it_is_no_address(self, brokers: str) -> None:
        with pytest.raises(CannotStart, match="IEUM_KAFKA") as raised:
            await open_kafka(Topics(KafkaSettings(bootstrap=brokers, instance="s-1")), RIGHTS, {}, 30)
        assert raised.value.code == KAFKA_MISSING
        assert "list of brokers" in raised.value.remedy
