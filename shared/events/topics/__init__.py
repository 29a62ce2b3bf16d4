"""One file per topic: the things, and what can happen to them."""

import importlib
import pkgutil


def load_topics() -> None:
    """Import every module of this folder, so that the registry is complete. `shared.events` does it."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
