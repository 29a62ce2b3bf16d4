"""That something of a subscription cannot be used."""


class OptionRefused(ValueError):
    """``rule`` says why. Of which of several: ``name``, only a word of ours, and ``number``, the first being 1. Nothing
    that was sent is repeated: a key may be somebody's name as well as a value."""

    def __init__(self, rule: str, *, name: str | None = None, number: int | None = None) -> None:
        super().__init__(rule)
        self.rule, self.name, self.number = rule, name, number
