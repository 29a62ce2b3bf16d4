"""Soft factors. A new one is a class with `@factor` in a module of this folder, a weight in the packs, and a test."""

import importlib
import pkgutil

from services.matching.domain.factors.base import Factor, registered

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

FACTORS: tuple[Factor, ...] = registered()
__all__ = ["FACTORS", "Factor"]
