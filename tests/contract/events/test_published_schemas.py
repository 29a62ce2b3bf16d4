"""What is published is what the code takes: examples, classes, references, and the files themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

from shared.events import EventType, registry
from shared.events.notices import Notice, Recall
from shared.events.publish_schemas import (
    FOLDER,
    bus_schema,
    differences,
    door_schema,
    files,
    main,
    notice_schema,
    write,
)
from tests.support.contract import validator_of

pytestmark = pytest.mark.contract
TYPES = [pytest.param(item, id=f"{item.name}-{item.version}") for item in registry]
DOOR_TYPES = [pytest.param(item, id=f"{item.name}-{item.version}") for item in registry if item.door]
ID = "0a" * 16
NOTICE = {
    "notice": ID, "alias": ID, "opportunity": ID, "kind": "job", "version": 1, "state": "proposed", "band": "high",
    "month": "2026-11", "ask": "/matches",
}  # fmt: skip
RECALL = {"notice": ID, "alias": ID, "version": 2, "month": "2026-11", "ask": "/matches"}


def nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document."""
    if isinstance(document, dict):
        yield document
    for child in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from nodes(child)


class TestExamples:
    @pytest.mark.parametrize("event_type", TYPES)
    def test_of_the_bus_fit_model_and_schema(self, event_type: EventType) -> None:
        event_type.bus.model_validate_json(json.dumps(event_type.example))
        assert validator_of(bus_schema(event_type)).is_valid(dict(event_type.example))

    @pytest.mark.parametrize("event_type", DOOR_TYPES)
    def test_of_the_door_fit_model_and_schema(self, event_type: EventType) -> None:
        assert event_type.door is not None
        assert event_type.door_example is not None
        event_type.door.model_validate_json(json.dumps(event_type.door_example))
        assert validator_of(door_schema(event_type) or {}).is_valid(dict(event_type.door_example))

    @pytest.mark.parametrize(("name", "model", "example"), [("notice", Notice, NOTICE), ("recall", Recall, RECALL)])
    def test_of_notices_fit_model_and_schema(self, name: str, model: Any, example: dict[str, Any]) -> None:
        model.model_validate_json(json.dumps(example))
        assert validator_of(notice_schema(name)).is_valid(example)
        assert not validator_of(notice_schema(name)).is_valid({**example, "person": ID})


class TestClasses:
    def test_stand_on_every_field_of_every_published_schema(self) -> None:
        seen = 0
        for path, text in files(registry).items():
            if path == "asyncapi.json":
                continue
            for node in nodes({k: v for k, v in json.loads(text).items() if k != "examples"}):
                if node.get("type") == "object" and "properties" in node:
                    seen += len(node["properties"])
                    for name, field in node["properties"].items():
                        assert "x-data-class" in field, f"{path} {name}"
        assert seen > 300

    def test_no_identity_stands_on_the_bus_nor_in_notices(self) -> None:
        for path, text in files(registry).items():
            if not path.startswith("door/"):
                assert '"x-data-class": "identity"' not in text, path
        assert '"x-data-class": "identity"' in files(registry)["door/trainee-graduated-1.json"]

    def test_no_field_of_bus_or_notice_is_named_like_identity(self) -> None:
        forbidden = {"name", "birth_date", "phone", "email", "address", "reference"}
        for path, text in files(registry).items():
            if path.startswith("door/") or "agency" in path or path == "asyncapi.json":
                continue
            document = json.loads(text)
            persons = [document, *(node for key, node in document.get("$defs", {}).items() if key != "Employer")]
            assert not forbidden & {name for node in persons for name in node.get("properties", {})}, path


class TestFiles:
    def test_committed_are_those_of_the_models(self) -> None:
        assert differences(files(registry), FOLDER) == []

    def test_check_tells_by_name_what_differs(self, tmp_path: Path) -> None:
        write(files(registry), tmp_path)
        (tmp_path / "bus" / "job-posted-1.json").write_text("{}")
        (tmp_path / "bus" / "gone-1.json").write_text("{}")
        assert differences(files(registry), tmp_path) == ["write bus/job-posted-1.json", "delete bus/gone-1.json"]
        write(files(registry), tmp_path)
        assert differences(files(registry), tmp_path) == []

    def test_check_fails_without_writing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("shared.events.publish_schemas.FOLDER", tmp_path)
        assert main(["--check"]) == 1
        assert "write bus/job-posted-1.json" in capsys.readouterr().out
        assert not list(tmp_path.iterdir())
        assert main([]) == 0
        assert main(["--check"]) == 0

    def test_name_no_class_of_the_code_in_titles(self) -> None:
        assert bus_schema(registry.find("job-posted"))["title"] == "job-posted"


class TestAsyncApi:
    document = json.loads(files(registry)["asyncapi.json"])

    def resolve(self, reference: str) -> Any:
        found: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def test_every_reference_leads_somewhere(self) -> None:
        references = [node["$ref"] for node in nodes(self.document) if "$ref" in node]
        assert len(references) > 50
        for reference in references:
            assert self.resolve(reference)

    def test_every_type_is_a_message_of_its_topic_and_of_no_other(self) -> None:
        for event_type in registry:
            name = f"{event_type.name}-{event_type.version}"
            holders = [topic for topic, channel in self.document["channels"].items() if name in channel["messages"]]
            assert holders == [event_type.topic.name]

    def test_every_topic_says_who_writes_it(self) -> None:
        for topic in registry.topics.values():
            assert topic.written_by in self.document["operations"][f"write-{topic.name}"]["summary"]

    @pytest.mark.parametrize("event_type", TYPES)
    def test_examples_fit_the_payload(self, event_type: EventType) -> None:
        message = self.document["components"]["messages"][f"{event_type.name}-{event_type.version}"]
        schema = {**message["payload"], "components": self.document["components"]}
        for example in message["examples"]:
            assert validator_of(schema).is_valid(example["payload"])


def test_the_page_of_faststream_takes_the_document_of_the_bus() -> None:
    """`faststream docs serve shared/events/schemas/asyncapi.json`: all channels, operations and messages are on it."""
    published = json.loads((FOLDER / "asyncapi.json").read_text())
    shown = json.loads(ApplicationSchema.model_validate(published).to_json())
    assert shown["channels"].keys() == published["channels"].keys()
    assert shown["operations"].keys() == published["operations"].keys()
    assert shown["components"]["messages"].keys() == published["components"]["messages"].keys()
    assert len(shown["components"]["messages"]) == len(list(registry))
