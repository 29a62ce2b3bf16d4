"""The words of spreadsheets: how people head their columns, and what they write in cells that an event says in ours."""

from collections.abc import Mapping
from functools import cached_property
from unicodedata import normalize

from pydantic import Field

from shared.reference.models import Data
from shared.reference.title_folding import folded

_LONGEST_TOTAL = 20


class Units(Data):
    """Words after a number in these fields, and by how much it is multiplied."""

    fields: tuple[str, ...]
    units: Mapping[str, int]


class Implied(Data):
    """What people write before or behind a value of these fields, which the field says already."""

    fields: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class FileWords(Data):
    """`spreadsheet_words.json`.

    `columns`: headings of a field (`wage.minimum`, `courses.#.title`), the first is what a template shows; the field's
    own name is always taken. `values`: of a field, the words for each of its values. `yes`, `no`: the same for all that
    is true or false. `units`: words after a number, by the fields that have them; `steps`: words for ten, a hundred and
    a thousand within a number. `implied`: what says no more than its field does. `signs`: what stands before an amount
    of money, and which currency it is. `open_ended`: in place of a last day, that an advert is open until its places
    are filled. `unsaid`: of a field, the words that leave open what it is. `trunk`: what a spreadsheet takes from the
    beginning of a phone number when it reads it as a number. `endings`: of a list of codes, what people leave out at
    the end of its names, or shorten to another of them. `narrower`: how names of places end that are narrower than the
    regions of the list. `totals`: what begins a row that sums up others; `notes`: how a note below a table begins.
    """

    columns: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    values: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    units: tuple[Units, ...] = ()
    steps: Mapping[str, int] = Field(default_factory=dict)
    implied: tuple[Implied, ...] = ()
    signs: Mapping[str, str] = Field(default_factory=dict)
    open_ended: tuple[str, ...] = ()
    unsaid: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    trunk: str = ""
    endings: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    narrower: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def value(self, path: str, word: str) -> str | None:
        """What a word in a cell of this field means; None when it is no word for anything."""
        return self._values.get((path, folded(word))) if path in self.values else None

    def truth(self, word: str) -> bool | None:
        """Yes, no, or neither."""
        return self._truths.get(_or_mark(word))

    def means_open_ended(self, word: str) -> bool:
        """Whether it says so in place of a last day."""
        return folded(word) in self._open_ended

    def leaves_open(self, path: str, word: str) -> bool:
        """Whether a word in a cell of this field says nothing of it. Signs count: some stand for digits."""
        return path in self.unsaid and "".join(normalize("NFKC", word).split()) in self.unsaid[path]

    def without_implied(self, path: str, text: str) -> str:
        """A text without what its field says already, before it and behind it."""
        if (implied := self._implied.get(path)) is None:
            return text
        for word in implied.before:
            if text.startswith(word):
                text = text.removeprefix(word).lstrip()
                break
        for word in implied.after:
            if text.endswith(word):
                return text.removesuffix(word).rstrip()
        return text

    def sums_up(self, word: str) -> bool:
        """Whether it stands in front of what other rows come to."""
        return len(word) <= _LONGEST_TOTAL and folded(word) in self._totals

    def begins_a_note(self, text: str) -> bool:
        """Whether it begins as a note below a table does."""
        return text.startswith(self.notes)

    def completed(self, field: str, name: str) -> frozenset[str]:
        """What a name may be short for."""
        endings = self.endings.get(field, ())
        stems = {name, *(name.removesuffix(each) for each in endings if len(name) > len(each) + 1)}
        return frozenset(stem + ending for stem in stems for ending in endings)

    @cached_property
    def _values(self) -> Mapping[tuple[str, str], str]:
        return {
            (path, folded(word)): value
            for path, values in self.values.items()
            for value, words in values.items()
            for word in words
        }

    @cached_property
    def _implied(self) -> Mapping[str, Implied]:
        return {path: group for group in self.implied for path in group.fields}

    @cached_property
    def _totals(self) -> frozenset[str]:
        return frozenset(map(folded, self.totals))

    @cached_property
    def _open_ended(self) -> frozenset[str]:
        return frozenset(map(folded, self.open_ended))

    @cached_property
    def _truths(self) -> Mapping[str, bool]:
        return {_or_mark(word): truth for truth, words in ((True, self.yes), (False, self.no)) for word in words}


def _or_mark(word: str) -> str:
    """A word as it is compared; of one without letters the signs, as of a circle or a cross."""
    return folded(word) or word.strip()[:_LONGEST_TOTAL]
