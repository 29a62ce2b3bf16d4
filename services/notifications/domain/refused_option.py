"""That something of a subscription cannot be used."""


class OptionRefused(ValueError):
    """``rule`` says why; ``name``: of which of several, if that may be said. No value that was sent is repeated."""

    def __init__(self, rule: str, name: str | None = None) -> None:
        super().__init__(rule)
        self.rule, self.name = rule, name
