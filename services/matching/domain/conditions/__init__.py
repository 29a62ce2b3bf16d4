"""Hard conditions. A new one is a class with `@condition` in a module of this folder, and a test."""

import importlib
import pkgutil

from services.matching.domain.conditions.base import Condition, registered

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

CONDITIONS: tuple[Condition, ...] = registered()
__all__ = ["CONDITIONS", "Condition"]
