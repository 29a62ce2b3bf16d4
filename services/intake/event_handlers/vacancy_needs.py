"""What an act on opportunities reads, named before it."""

from __future__ import annotations

from collections.abc import Iterator

from services.intake.documents import OPPORTUNITIES
from services.intake.domain.record_linkage import Facts
from services.intake.domain.vacancy import facts_of
from services.intake.domain.vetting import employer_key
from services.intake.event_handlers import advert_index
from services.intake.event_handlers.advert_index import AdvertIndex
from services.intake.opportunity_documents import EMPLOYERS, StoredOpportunity, employer_id
from shared.events.topics.opportunities import Opportunity
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST_MERGES = 8  # that are followed, one after the other


def stored(id: str, work: UnitOfWork) -> StoredOpportunity | None:
    """As it is in this transaction."""
    return work.parsed(OPPORTUNITIES, id, StoredOpportunity.kept_in)


def needs_of_same(facts: Facts, agency: str, work: UnitOfWork) -> Iterator[Need]:
    """What is of the same vacancy as an advert, by what is loaded of its needs."""
    for same in AdvertIndex(work).found(facts, agency)[0]:
        yield Need.by_id(OPPORTUNITIES, same)
        held = stored(same, work)
        if held is not None:
            yield from _needs_of_judged(held)
            for source in held.sources:  # any of them may be the next whose words are told
                yield from needs_of_words(source.words)


def needs_of_opportunity(id: str, work: UnitOfWork) -> Iterator[Need]:
    """The opportunity, and what its sources may be of once they are compared anew."""
    yield Need.by_id(OPPORTUNITIES, id)
    held = stored(id, work)
    if held is None:
        return
    for source in held.sources:
        yield from needs_of_words(source.words)
        if (facts := facts_of(source.words)) is not None:
            yield from needs_of_same(facts, source.agency, work)
    yield from needs_of_words(held.state)
    yield from _needs_of_judged(held)


def needs_of_merged(id: str, work: UnitOfWork) -> Iterator[Need]:
    """Those of which it is a part by now."""
    for _ in range(MOST_MERGES):
        held = stored(id, work)
        if held is None or held.merged_into is None:
            return
        id = held.merged_into
        yield Need.by_id(OPPORTUNITIES, id)


def merged_into(held: StoredOpportunity, work: UnitOfWork) -> str | None:
    """The opportunity that its last source is of by now, or the last one that was followed; None: it is its own."""
    found = None
    for _ in range(MOST_MERGES):
        if held.merged_into is None:
            break
        found = held.merged_into
        if (following := stored(found, work)) is None:
            break
        held = following
    return found


def _needs_of_judged(held: StoredOpportunity) -> Iterator[Need]:
    """Where the words stand that an operator held or refused of it."""
    for each in held.judged:
        yield from advert_index.needs(each.facts)


def needs_of_words(words: Opportunity) -> Iterator[Need]:
    """To judge these words, and to list them."""
    if key := employer_key(words.employer):
        yield EMPLOYERS.by_id(employer_id(key))
    yield from advert_index.needs(facts_of(words))
