"""The sentences people read: reasons, questions, remedies and mails, in every language of the pack (`sentences/`)."""

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

    def __init__(self, files: Mapping[str, Mapping[str, Texts]], languages: Sequence[str]) -> None:
        self._texts: dict[str, Texts] = {}
        self.names: dict[str, frozenset[str]] = {}
        for file, key, by_language in ((file, *each) for file, texts in files.items() for each in texts.items()):
            if key in self._texts:
                raise PackError(file, f"key {key}", "is written twice")
            if set(by_language) != set(languages):
                raise PackError(file, f"key {key}", f"needs exactly the languages {list(languages)}")
            try:
                found = {placeholders(template) for template in by_language.values()}
            except ValueError as wrong:
                raise PackError(file, f"key {key}", str(wrong)) from None
            if len(found) != 1:
                raise PackError(file, f"key {key}", "the languages do not have the same placeholders")
            self.names[key] = found.pop()
            self._texts[key] = by_language

    def say(self, key: str, language: str, values: Mapping[str, object]) -> str:
        """The sentence with its values. Values it does not name are ignored; a missing one is a PackError."""
        if key not in self._texts:
            raise PackError("sentences", f"key {key}", "no such sentence")
        if language not in self._texts[key]:
            raise PackError("sentences", f"key {key}", f"the pack does not speak '{language}'")
        missing = self.names[key] - set(values)
        if missing:
            raise PackError("sentences", f"key {key}", f"needs the values {sorted(missing)}")
        return self._texts[key][language].format(**values)
