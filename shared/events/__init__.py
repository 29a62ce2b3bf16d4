"""The contract: what an event is (envelope), which there are (registry, topics), how much a field may tell (classes).

Depends on nothing else in this repository.
"""

from shared.events.envelope import Event
from shared.events.refusal import Refusal, Refused
from shared.events.registry import EventType, Topic, registry
from shared.events.topics import load_topics

load_topics()

__all__ = ["Event", "EventType", "Refusal", "Refused", "Topic", "registry"]
