"""A field without a class cannot be defined; identity cannot get onto the bus."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from shared.events.data_classification import (
    FEATURE,
    IDENTITY,
    PSEUDONYMOUS,
    PUBLIC,
    Model,
    UnclassifiedField,
    field_class,
    highest_class,
    nested_models,
)
from shared.events.registry import EventType, Registry, Topic, UnknownType

pytestmark = pytest.mark.unit


class Open(Model):
    word: Annotated[str, PUBLIC]


class Closed(Model):
    name: Annotated[str, IDENTITY]


class Holds(Model):
    items: Annotated[dict[str, tuple[Closed | None, ...]], FEATURE]


class TestModel:
    def test_with_a_field_without_class_cannot_be_defined(self) -> None:
        with pytest.raises(UnclassifiedField, match="nothing"):

            class Wrong(Model):
                nothing: str

    def test_with_two_classes_on_a_field_cannot_be_defined(self) -> None:
        with pytest.raises(UnclassifiedField, match="has 2"):

            class Wrong(Model):
                both: Annotated[str, PUBLIC, IDENTITY]

    def test_inherits_fields_with_their_classes(self) -> None:
        class More(Open):
            other: Annotated[int, PSEUDONYMOUS]

        assert (field_class(More, "word"), field_class(More, "other")) == (PUBLIC, PSEUDONYMOUS)

    @pytest.mark.parametrize("data", [{"word": 1}, {"word": "a", "more": 1}, {}, {"word": None}])
    def test_refuses_coercion_and_unknown_fields_without_echo(self, data: dict[str, Any]) -> None:
        with pytest.raises(ValidationError) as error:
            Open.model_validate(data)
        assert "input_value" not in str(error.value)

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            Open(word="a").word = "b"


class TestHighestClass:
    def test_is_found_in_containers_and_unions(self) -> None:
        assert highest_class(Holds) is IDENTITY
        assert highest_class(Open) is PUBLIC
        assert nested_models(Holds) == [Closed]


THINGS = Topic(name="things", key="thing", written_by="intake")
OTHERS = Topic(name="others", key="other", written_by="intake")


def event_type(**changes: Any) -> EventType:
    return EventType(
        **{
            "name": "thing-made", "version": 1, "topic": THINGS, "summary": "x", "bus": Open, "example": {"word": "a"},
            **changes,
        }
    )  # fmt: skip


class Wide(Model):
    words: Annotated[tuple[str, ...], PUBLIC]


def widened(before: Open) -> Wide:
    return Wide(words=(before.word,))


class TestRegistry:
    @pytest.mark.parametrize("model", [Closed, Holds])
    def test_takes_no_identity_for_the_bus(self, model: type[Model]) -> None:
        with pytest.raises(ValueError, match="identity"):
            Registry().add_type(event_type(bus=model))

    def test_takes_identity_for_the_door(self) -> None:
        taken = Registry().add_type(event_type(door=Closed, door_example={"name": "a"}))
        assert taken.dataclassification is PUBLIC

    def test_takes_a_name_and_version_once_and_on_one_topic(self) -> None:
        registry = Registry()
        registry.add_topic(THINGS)
        registry.add_type(event_type())
        for wrong in (event_type(), event_type(version=2, topic=OTHERS)):
            with pytest.raises(ValueError, match=r"twice|one topic"):
                registry.add_type(wrong)
        with pytest.raises(ValueError, match="twice"):
            registry.add_topic(THINGS)

    def test_takes_versions_one_after_the_other(self) -> None:
        registry = Registry()
        with pytest.raises(ValueError, match="next version is 1"):
            registry.add_type(event_type(version=2))
        registry.add_type(event_type())
        with pytest.raises(ValueError, match="next version is 2"):
            registry.add_type(event_type(version=3))

    def test_a_version_with_another_model_must_say_how_the_one_before_is_read(self) -> None:
        registry = Registry()
        registry.add_type(event_type())
        with pytest.raises(ValueError, match="needs upcast"):
            registry.add_type(event_type(version=2, bus=Wide))
        registry.add_type(event_type(version=2, bus=Wide, upcast=widened))

    def test_lifts_data_to_the_newest_version_over_all_between(self) -> None:
        registry = Registry()
        first = registry.add_type(event_type())
        registry.add_type(event_type(version=2))
        third = registry.add_type(event_type(version=3, bus=Wide, upcast=widened))
        newest = (third, Wide(words=("a",)))
        assert registry.upcast(first, Open(word="a")) == newest
        assert registry.upcast(*newest) == newest

    def test_a_handler_of_a_model_is_given_the_types_that_are_read_as_it(self) -> None:
        registry = Registry()
        registry.add_type(event_type())
        assert registry.carrying("things", Open) == [registry.find("thing-made")]
        registry.add_type(event_type(version=2, bus=Wide, upcast=widened))
        assert registry.carrying("things", Open) == []
        assert registry.carrying("things", Wide) == [registry.find("thing-made", 2)]

    @pytest.mark.parametrize("half", [{"door": Open}, {"door_example": {"word": "a"}}])
    def test_wants_door_and_example_together(self, half: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="come together"):
            Registry().add_type(event_type(**half))

    def test_finds_the_newest_or_the_one_asked_for(self) -> None:
        registry = Registry()
        first, second = (registry.add_type(event_type(version=version)) for version in (1, 2))
        assert registry.find("thing-made") is second
        assert registry.find("thing-made", 1) is first
        assert registry.versions("thing-made") == [first, second]
        for wrong in (("thing-made", 3), ("nothing", None)):
            with pytest.raises(UnknownType):
                registry.find(*wrong)
