"""That something of a subscription cannot be used."""


class OptionRefused(ValueError):
    """``rule`` says why; nothing that was sent is repeated."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
