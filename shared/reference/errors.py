"""The one error of this package."""


class PackError(ValueError):
    """Pack data is wrong, or a pack was asked for something its data does not hold.

    The message names the file, the place in it (line or key) and the rule that is broken. It never holds
    anything about a person: packs are public data.
    """

    def __init__(self, file: str, where: str, rule: str) -> None:
        super().__init__(f"{file}, {where}: {rule}" if where else f"{file}: {rule}")
        self.file = file
        self.where = where
        self.rule = rule
