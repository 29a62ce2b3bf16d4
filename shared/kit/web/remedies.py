"""What to do about a refusal, in one sentence, from its rule and its safe values. Never from what was sent."""

from __future__ import annotations

from collections import defaultdict

from shared.events.refusal import Refusal

_REMEDIES = {
    "unknown-field": "Leave out what the schema does not name. It takes: {known}.",
    "missing-field": "Add this field.",
    "wrong-form": "Write it in the form of the schema.",
    "unknown-value": "Use one of: {expected}.",
    "not-json": "Send JSON in UTF-8, each name once in an object, no NaN and no Infinity.",
    "not-a-date": "Write a day as YYYY-MM-DD.",
    "too-small": "Send at least {ge}.",
    "too-large": "Send at most {le}.",
    "too-short": "Send at least {min_length} characters.",
    "too-long": "Send at most {max_length} characters.",
    "too-few": "Send at least {min_length} entries.",
    "too-many": "Send at most {max_length} entries.",
    "not-utf-8": "Send the body in UTF-8.",
    "event-too-large": "Send at most {kilobytes} KB in one event.",
    "name-too-long": "Use the names of the schema; none has more than {most} characters.",
    "too-many-values": "Send at most {most} fields and values in one event, all together.",
    "too-deep": "Use at most {most} levels of objects and lists.",
    "named-twice": "Send this header once.",
    "wrong-encoding": "Percent-encode the UTF-8 bytes of this header.",
    "too-many-findings": "More than {most} places are wrong: compare it with the schema.",
    "too-much": "Send it in smaller parts.",
    "unknown-type": "Use one of the types that GET /schemas lists.",
    "unknown-version": "Use specversion 1.0 and a version of the type that GET /schemas lists.",
    "not-for-the-door": "Nobody outside sends this type; see GET /schemas.",
    "unsupported-media-type": "Send application/cloudevents+json, application/cloudevents-batch+json, or ce- headers "
    "with application/json.",
}
_GENERAL = "Compare it with the schema that GET /schemas gives for this type."


def remedy_of(refusal: Refusal) -> str:
    """One sentence. A refusal can bring its own in ``values["remedy"]``: a sentence of ours, or of a pack."""
    own = refusal.values.get("remedy")
    if isinstance(own, str):
        return own
    sentence = _REMEDIES.get(refusal.rule, _GENERAL)
    values = defaultdict(lambda: "what the schema says", {key: str(value) for key, value in refusal.values.items()})
    return sentence.format_map(values)
