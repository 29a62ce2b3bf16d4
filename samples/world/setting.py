"""What a world is made of, as data: one file per pack in ``settings/``. Figures: the settlement survey."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).with_name("settings")
Role = Literal["training-centre", "counsellor", "jobs", "internships", "programmes"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgencyRights(_Data):
    """As in the contract (``shared.events.topics.agencies``)."""

    emits: tuple[str, ...]
    reads: tuple[str, ...]
    receives: bool


class AgencySetting(_Data):
    """One agency; ``prefix`` begins its own references, ``roles`` says what it sends in the demo."""

    agency: str
    name: dict[str, str]
    recipient_class: str
    rights: AgencyRights
    prefix: str
    roles: tuple[Role, ...]


class Admin(_Data):
    """The first administrator: the agency that registers all others, and its key id."""

    agency: str
    key: str


class Partners(_Data):
    """Which agencies the two demo partners are: one pulls the feed, one has a webhook."""

    feed: str
    webhook: str


class Survey(_Data):
    """Shares (0 to 1), and monthly wages in the pack's currency; ``ages`` and ``education`` with their weights."""

    women: float
    graduates: float
    ages: tuple[tuple[int, float], ...]
    education: tuple[tuple[str, float], ...]
    unknown: float
    wage_women: int
    wage_men: int
    childcare: float
    childcare_ages: tuple[int, int]
    jobless: float
    car: float
    licence: float
    certificate: float
    growth: float
    avoids: float
    matching: float
    notice: dict[str, float]


class Codes(_Data):
    """The pack's codes for what the generator has to name."""

    childcare: str
    needs: tuple[str, ...]
    day: str
    evening: str
    night: str
    rotating: str
    permanent: str
    permanent_part: str
    term: str
    term_part: str
    intern: str
    dormitory: str
    bus: str
    meals: str
    capital: str
    province: str
    licence: str
    handler: str | None


class Words(_Data):
    """How invented employers and programmes are called."""

    employer: tuple[str, ...]
    internship: str
    training: str
    startup: str
    consulting: str
    branch: str
    part: str


class Trade(_Data):
    """A kind of work; ``pay`` is the least and most per hour as multiples of the minimum wage, ``women`` and ``men``
    how often somebody looks for it."""

    title: str
    occupation: str
    interest: str
    industry: str
    employer: str
    courses: tuple[str, ...]
    certificates: tuple[str, ...]
    required: bool
    pay: tuple[float, float]
    hours: tuple[int, ...]
    shifts: tuple[str, ...]
    women: float
    men: float
    strengths: tuple[str, ...]
    licences: tuple[str, ...] = ()
    needs_handler: bool = False


class Setting(_Data):
    """Everything the generator needs besides the pack."""

    pack: str
    admin: Admin
    agencies: tuple[AgencySetting, ...]
    partners: Partners
    survey: Survey
    codes: Codes
    words: Words
    phone: str
    currency: str
    round_month: int
    trades: tuple[Trade, ...]

    def having(self, role: Role) -> tuple[AgencySetting, ...]:
        """The agencies that play a part."""
        return tuple(agency for agency in self.agencies if role in agency.roles)


def load_setting(pack: str = "kr-gyeonggi") -> Setting:
    """The setting of a pack. Raises FileNotFoundError when there is none for it."""
    path = FOLDER / f"{pack.replace('-', '_')}.json"
    return Setting.model_validate_json(path.read_text(encoding="utf-8"))
