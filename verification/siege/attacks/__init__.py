"""Every attack by HTTP. A new one is a class with `Attack`'s shape in a module of this folder, named in its `ALL`."""

from verification.siege.attack import Attack
from verification.siege.attacks import bodies, connections, floods, records, smuggling, webhooks

ATTACKS: tuple[type[Attack], ...] = (
    *bodies.ALL,
    *connections.ALL,
    *smuggling.ALL,
    *floods.ALL,
    *webhooks.ALL,
    *records.ALL,
)


def named(name: str) -> type[Attack]:
    """The attack of that name. Raises KeyError."""
    return {attack.name: attack for attack in ATTACKS}[name]
