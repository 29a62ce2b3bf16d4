"""The command line; a module for each kind of command, which registers itself."""

from clients.ieum.commands import fetching, files, keys, looking, mappings
from clients.ieum.commands.options import AWAY, NOT_ALLOWED, REFUSED, WRONG, app

__all__ = ["AWAY", "NOT_ALLOWED", "REFUSED", "WRONG", "app", "fetching", "files", "keys", "looking", "mappings"]
