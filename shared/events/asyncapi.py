"""The bus as an AsyncAPI 3.0 document: which topics there are, which events on them, who writes them."""

from __future__ import annotations

from typing import Any

from shared.events.data_classification import DataClass
from shared.events.envelope import CONTENT_TYPE
from shared.events.json_schema import component_schemas
from shared.events.registry import EventType, Registry, Topic

_TEXT = {"type": "string", "minLength": 1}
_TIME = {"type": "string", "format": "date-time"}
_REQUIRED = ("ce_specversion", "ce_type", "ce_source", "ce_id", "ce_time", "ce_dataschema", "ce_partitionkey")


def asyncapi(registry: Registry) -> dict[str, Any]:
    """The document. Payloads are what the bus carries; what the door takes stands in intake's OpenAPI."""
    types = list(registry)
    models = list(dict.fromkeys(event_type.bus for event_type in types))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ieum events",
            "version": "1.0.0",
            "description": "CloudEvents 1.0, Kafka binding, binary mode. The record's key is the id of the thing; "
            "order holds within a topic and key. Every event carries the whole state of its thing and its "
            "`sequence`: drop what is not newer than what you hold.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic, types) for topic in registry.topics.values()},
        "operations": {f"write-{topic.name}": _operation(topic) for topic in registry.topics.values()},
        "components": {
            "messages": {_message_name(event_type): _message(event_type) for event_type in types},
            "schemas": component_schemas(models, "#/components/schemas/{model}"),
        },
    }


def _message_name(event_type: EventType) -> str:
    return f"{event_type.name}-{event_type.version}"


def _channel(topic: Topic, types: list[EventType]) -> dict[str, Any]:
    names = [_message_name(event_type) for event_type in types if event_type.topic.name == topic.name]
    return {
        "address": topic.name,
        "description": f"Key: the id of the {topic.key}. What a consumer could not process is named on "
        f"`{topic.dead}`, without its payload.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {"retention.ms": int(topic.retention.total_seconds() * 1000)},
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Written by {topic.written_by} and by nobody else.",
    }


def _message(event_type: EventType) -> dict[str, Any]:
    return {
        "name": event_type.name,
        "summary": event_type.summary,
        "contentType": CONTENT_TYPE,
        "headers": _headers(event_type),
        "payload": {"$ref": f"#/components/schemas/{event_type.bus.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"The id of the {event_type.topic.key}."}}},
        "examples": [{"payload": dict(event_type.example)}],
        "x-data-class": event_type.dataclassification.value,
    }


def _headers(event_type: EventType) -> dict[str, Any]:
    """The CloudEvents attributes as Kafka headers (all are text)."""
    return {
        "type": "object",
        "required": list(_REQUIRED),
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_type": {"const": event_type.name},
            "ce_source": _TEXT,
            "ce_id": _TEXT,
            "ce_time": _TIME,
            "ce_dataschema": {"const": event_type.dataschema},
            "ce_partitionkey": _TEXT,
            "ce_sequence": {"type": "string", "pattern": "^[0-9]+$"},
            "ce_correlationid": _TEXT,
            "ce_causationid": _TEXT,
            "ce_recordedtime": _TIME,
            "ce_traceparent": _TEXT,
            "ce_dataclassification": {"enum": [item.value for item in DataClass if item is not DataClass.IDENTITY]},
            "ce_actor": _TEXT,
            "ce_testrun": {"const": "true"},
            "content-type": {"const": CONTENT_TYPE},
        },
    }
