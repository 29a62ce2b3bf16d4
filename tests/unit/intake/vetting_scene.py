"""Four agencies with adverts, and what an operator says of these."""

from __future__ import annotations

from typing import Any

from services.intake.opportunity_documents import QUESTIONS
from tests.unit.intake.memory import House, agency
from tests.unit.intake.test_operators import operators

NIGHT: dict[str, Any] = {"title": "제과제빵원 모집 (야간)"}
OTHER_HOURS: dict[str, Any] = {"hours_per_week": None}
ELSEWHERE: dict[str, Any] = {"region": "legal-dong-2026:41110"}


def four_agencies() -> House:
    house = House()
    for name in ("pa", "pb", "pc", "pd"):
        house.add(agency(name, "public"))
    return house


def paid(amount: int) -> dict[str, Any]:
    """Within 2 % the same, beyond it doubtful."""
    return {"wage": {"per": "month", "minimum": amount, "currency": "KRW"}}


async def split(house: House, id: str, by: str) -> str:
    index = house.dependencies.references.index("job", by, f"{by}-1")
    return (await operators(house).split(id, index, house.callers["ops"])).opportunity


async def answer(house: House, word: Any, *pair: str) -> None:
    (question,) = (each for each in asked(house) if set(each["opportunities"]) == set(pair))
    await operators(house).answer(question["_id"], word, house.callers["ops"])


def asked(house: House) -> list[Any]:
    return house.store.all(QUESTIONS.name, answer=None)


async def vet(house: House, id: str, verdict: str, reason: str = "wrong-terms") -> Any:
    word = {"opportunity": id, "verdict": verdict, **({} if verdict == "checked" else {"reason": reason})}
    return await house.send("opportunity-vetted", word, "pd")
