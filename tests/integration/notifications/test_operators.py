"""What whoever keeps the service running sees of endpoints in trouble, and what not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.notifications.parts import Client, Partner, Setup, answer_of, eventually, match, person
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.integration


def administering(registered: Any) -> Any:
    rights = registered.data.rights.model_copy(update={"administers": True})
    return replace(registered, data=registered.data.model_copy(update={"rights": rights}))


async def test_endpoints_in_trouble_are_shown_to_who_administers_by_trouble_and_in_pages(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.monitoring.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("services.notifications.monitoring.SHARE", 1)

    async def refuses(request: Any) -> bytes:
        return answer_of(503)

    async with (
        Partner(refuses) as one,
        Partner(refuses) as other,
        Partner() as well,
        setup.running(retry_schedule=(0.0, *[0.2] * 49), breaker_seconds=0.2) as app,
    ):
        agencies = (setup.agency("gjf"), setup.agency("hana", "case"), setup.agency("khf", "case"))
        await setup.publish(administering(setup.agency("ops", "public", receives=False)), *agencies)
        async with (
            Client(app, setup.tokens["ops"]) as ops,
            Client(app, setup.tokens["gjf"]) as gjf,
            Client(app, setup.tokens["hana"]) as hana,
            Client(app, setup.tokens["khf"]) as khf,
        ):
            made = [await gjf.subscribed("webhook", one.url), await hana.subscribed("webhook", other.url)]
            await khf.subscribed("webhook", well.url)
            await setup.publish(person("a", "gjf", "hana", "khf"), match("a", "x"))

            async def both_down() -> list[dict[str, Any]] | None:
                page = (await ops.get("/endpoints", params={"status": "down"})).json()
                shown: list[dict[str, Any]] = page["endpoints"]
                # a look may count one twice that is claimed meanwhile: what is due and what is sent are two reads
                return shown if [each["notices"]["count"] for each in shown] == [1, 1] else None

            shown = await eventually(both_down)
            assert [each["subscription"] for each in shown] == sorted(each["subscription"] for each in made)
            assert {each["agency"] for each in shown} == {"gjf", "hana"}
            for each in shown:
                assert (each["channel"], each["state"], each["statuses"]) == ("webhook", "active", ["down"])
                assert each["failing"] >= 5
                assert each["ends_at"] is not None
                assert (each["notices"]["count"], each["recalls"]["count"]) == (1, 0)
                assert each["notices"]["oldest"] is not None
            first = (await ops.get("/endpoints", params={"limit": 1})).json()
            second = (await ops.get("/endpoints", params={"limit": 1, "after": first["next"]})).json()
            assert [each["subscription"] for page in (first, second) for each in page["endpoints"]] == [
                each["subscription"] for each in shown
            ]
            assert second["next"] is None
            for nobody in ("failing", "unread", "unacknowledged", "doubtful", "disabled"):
                assert (await ops.get("/endpoints", params={"status": nobody})).json()["endpoints"] == []

            text = (await ops.get("/endpoints")).text
            secrets = [each.get("secret") for each in made]
            kept_back = [one.url, other.url, hexid("person", "a"), hexid("alias", "a", "gjf"), *filter(None, secrets)]
            assert not [each for each in kept_back if each in text]
            assert (await gjf.get("/endpoints")).status_code == 403
            audit = [each async for each in app.state.database.audit.find({"action": "endpoints"})]
            assert audit
            assert {each["agency"] for each in audit} == {"ops"}
