"""An invented world, made from a seed: agencies, people, openings, mistakes, days. No real person, employer or advert.

    world = World(load_setting("kr-gyeonggi"), seed=1, people=150, today=date(2026, 11, 22))
    for chapter in world.day(1): ...

Everything comes out as plain CloudEvents, as an agency's own system would send them.
"""

from samples.world.days import Chapter, World
from samples.world.envelope import Item
from samples.world.setting import Setting, load_setting

__all__ = ["Chapter", "Item", "Setting", "World", "load_setting"]
