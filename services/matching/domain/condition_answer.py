"""The three answers of a hard condition."""

from enum import Enum


class Answer(Enum):
    """``yes``: met; ``no``: the pair cannot match; ``ask``: somebody has to be asked first."""

    YES = "yes"
    NO = "no"
    ASK = "ask"


YES = Answer.YES
NO = Answer.NO
ASK = Answer.ASK


def all_of(*answers: Answer) -> Answer:
    """The answer when every part has to be met; no part at all is met."""
    if NO in answers:
        return NO
    return ASK if ASK in answers else YES
