"""Country-and-programme packs: what differs from country to country, as dated data and never as code.

    pack = load_pack("kr-gyeonggi")
    pack.certificate("...")

Stands alone: imports nothing else of this project. See packs/README.md for how to add one.
"""

from shared.reference.errors import PackError
from shared.reference.loader import available_packs, load_pack, read_pack
from shared.reference.models import AverageWage, Benefit, MinimumWage, NeverCollected, Programme, Purpose
from shared.reference.pack import Pack

__all__ = [
    "AverageWage",
    "Benefit",
    "MinimumWage",
    "NeverCollected",
    "Pack",
    "PackError",
    "Programme",
    "Purpose",
    "available_packs",
    "load_pack",
    "read_pack",
]
