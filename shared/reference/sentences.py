"""The sentences people read: reasons, questions and remedies, in every language of the pack."""

from collections.abc import Mapping, Sequence
from string import Formatter

from shared.reference.errors import PackError
from shared.reference.models import Texts


def placeholders(template: str) -> frozenset[str]:
    """The names in braces. A template with positional or nested names is not a good one: ValueError."""
    names = set()
    for _, name, _, _ in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier():
            raise ValueError("placeholders must be plain names")
        names.add(name)
    return frozenset(names)


class Sentences:
    """Templates by key and language. Each has every language of the pack, and the same placeholders in each."""

    def __init__(self, file: str, texts: Mapping[str, Texts], languages: Sequence[str]) -> None:
        self._file = file
        self._texts = texts
        self.names: dict[str, frozenset[str]] = {}
        for key, by_language in texts.items():
            if set(by_language) != set(languages):
                raise PackError(file, f"key {key}", f"needs exactly the languages {list(languages)}")
            try:
                found = {placeholders(template) for template in by_language.values()}
            except ValueError as wrong:
                raise PackError(file, f"key {key}", str(wrong)) from None
            if len(found) != 1:
                raise PackError(file, f"key {key}", "the languages do not have the same placeholders")
            self.names[key] = found.pop()

    def say(self, key: str, language: str, values: Mapping[str, object]) -> str:
        """The sentence with its values. Values it does not name are ignored; a missing one is a PackError."""
        if key not in self._texts:
            raise PackError(self._file, f"key {key}", "no such sentence")
        if language not in self._texts[key]:
            raise PackError(self._file, f"key {key}", f"the pack does not speak '{language}'")
        missing = self.names[key] - set(values)
        if missing:
            raise PackError(self._file, f"key {key}", f"needs the values {sorted(missing)}")
        return self._texts[key][language].format(**values)
