"""What somebody must have or know: certificates, licences, schooling, experience."""

from services.matching.domain.assessment_context import AssessmentContext, Words
from services.matching.domain.condition_answer import ASK, NO, YES, Answer, all_of
from services.matching.domain.conditions.base import Condition, condition
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


@condition
class Certificate(Condition):
    """Every required certificate is there.

    A profile says what somebody has: a certificate it does not list is missing. Only a profile that says nothing at
    all about skills (no certificate, course or occupation) is asked about.
    """

    name = "certificate"
    cost = 7
    opens = "learning"
    of_person = ("certificates", "blank")
    of_opening = ("certificates",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if opening.certificates <= person.certificates:
            return YES
        return ASK if person.blank else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.certificates

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        missing = opening.certificates - person.certificates
        return {"certificate": context.labels(missing or opening.certificates, language)}


@condition
class Licence(Condition):
    """A driving licence, a car of one's own, or another permit.

    Certificates of the pack can prove a licence. Driving licence and car that nobody asked for are asked about; other
    permits (a health check) are asked about unless the profile lists them: they are quick to get.
    """

    name = "licence"
    cost = 9
    opens = "learning"
    of_person = ("driving", "car", "certificates")
    of_opening = ("needs_driving", "needs_car", "other_licences", "rules.licences")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if not (opening.needs_driving or opening.needs_car or opening.other_licences):
            return YES
        return all_of(*self._parts(person, opening, context).values())

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not (opening.needs_driving or opening.needs_car or opening.other_licences)

    def _parts(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> dict[str, Answer]:
        data = context.pack.matching
        parts: dict[str, Answer] = {}
        if opening.needs_driving:
            for code in opening.rules.licences:
                if code in data.driving_licences:
                    parts[code] = YES if _proved(code, person, context) else _known(person.driving)
        if opening.needs_car:
            parts[next(iter(data.own_car), "car")] = _known(person.car)
        for code in opening.other_licences:
            if _proved(code, person, context):
                parts[code] = YES
            else:
                parts[code] = NO if lacks(code, person, context) else ASK
        return parts

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        """A permit that no certificate proves (a health check) is soon there, other than a licence."""
        asked = [code for code, one in self._parts(person, opening, context).items() if one is ASK]
        provable = context.pack.matching.licence_certificates
        soon = all(code in opening.other_licences and code not in provable for code in asked)
        return "ask_permit" if answer is ASK and soon else super().case(person, opening, context, answer)

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        parts = self._parts(person, opening, context)
        worst = all_of(*parts.values())
        return {"licence": context.labels(tuple(code for code, one in parts.items() if one is worst), language)}


@condition
class UsualCertificate(Condition):
    """What work of this occupation usually needs by law or custom, where the advert says nothing of any certificate.

    The pack says of which groups of occupations. Who has one of them, or has worked in that group, has what it takes;
    of anybody else it is asked and never refused: the employer may train people, or want somebody to assist.
    """

    name = "usual-certificate"
    cost = 15
    opens = "learning"
    of_person = ("certificates", "driving", "experience")
    of_opening = ("usual_certificates_of",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        group, data = opening.usual_certificates_of, context.pack.matching
        if group is None:
            return YES
        for code in data.usual_certificates[group]:
            if _proved(code, person, context) or (code in data.driving_licences and person.driving):
                return YES
        groups, group_of = data.usual_certificates, context.pack.occupations.group_of
        return YES if any(group_of(code, groups) == group for code, _ in person.experience) else ASK

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.usual_certificates_of is None

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        """Of many nobody has asked yet whether they drive."""
        usual = context.pack.matching.usual_certificates.get(opening.usual_certificates_of or "", ())
        drives = not set(usual).isdisjoint(context.pack.matching.driving_licences)
        return "ask_driving" if answer is ASK and drives and person.driving is None else None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        usual = context.pack.matching.usual_certificates.get(opening.usual_certificates_of or "", ())
        return {"certificate": context.labels(usual, language)}


@condition
class AlreadyHeld(Condition):
    """A training whose title names certificates of which the person has every one teaches nothing new, unless it is a
    refresher: asked, never refused."""

    name = "already-held"
    cost = 16
    opens = "wish"
    of_person = ("certificates",)
    of_opening = ("leads_to_certificates",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        names = opening.leads_to_certificates
        return ASK if names and names <= person.certificates else YES

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.leads_to_certificates

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {"certificate": context.labels(opening.leads_to_certificates, language)}


def lacks(code: str, person: PersonFacts, context: AssessmentContext) -> bool:
    """Whether somebody is known not to have this permit: one that certificates prove is of the same kind as they are,
    so who does not drive and has none of them lacks it."""
    provable = code in context.pack.matching.licence_certificates
    return provable and person.driving is False and not _proved(code, person, context)


def _proved(code: str, person: PersonFacts, context: AssessmentContext) -> bool:
    proofs = context.pack.matching.licence_certificates.get(code, ())
    return code in person.certificates or not person.certificates.isdisjoint(proofs)


def _known(has: bool | None) -> Answer:
    if has is None:
        return ASK
    return YES if has else NO


@condition
class Education(Condition):
    """At least the schooling that is asked for; not known: ask."""

    name = "education"
    cost = 7
    opens = "learning"
    of_person = ("education",)
    of_opening = ("education",)

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        if opening.education == 0:
            return YES
        if person.education is None:
            return ASK
        return YES if person.education >= opening.education else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return opening.education == 0

    def case(
        self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, answer: Answer
    ) -> str | None:
        return f"ask_{opening.education}" if answer is ASK else None

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        wanted = opening.rules.education_min
        return {"wanted": context.pack.label(wanted, language) if wanted else context.word("any", language)}


@condition
class ExperienceMonths(Condition):
    """Months in this or a related occupation (related from the pack's nearness on); nothing recorded: ask."""

    name = "experience"
    cost = 14
    opens = "learning"
    of_person = ("blank", "experience")
    of_opening = ("rules.experience_months", "occupation")

    def answer(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> Answer:
        needed = opening.rules.experience_months
        if not needed:
            return YES
        if person.blank:
            return ASK
        return YES if self._months(person, opening, context) >= needed else NO

    def free_opening(self, opening: OpeningFacts) -> bool:
        return not opening.rules.experience_months

    @staticmethod
    def _months(person: PersonFacts, opening: OpeningFacts, context: AssessmentContext) -> int:
        related = context.pack.matching.related_occupation
        work = opening.occupation
        return sum(
            months for code, months in person.experience if work is None or context.nearness(code, work) >= related
        )

    def words(self, person: PersonFacts, opening: OpeningFacts, context: AssessmentContext, language: str) -> Words:
        return {
            "wanted": opening.rules.experience_months or 0,
            "months": self._months(person, opening, context),
        }
