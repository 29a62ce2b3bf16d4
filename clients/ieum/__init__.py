"""Ieum for agencies and partners: keys, checks, files, sending, pulling. `python -m clients.ieum`, or installed `ieum`.

    with Hub("https://intake.example", Key.parse("gjf-1.<64 hex digits>")) as hub:
        hub.send([event, ...])

Stands on the contract, the packs and the converter, and on no service.
"""

from clients.ieum.api_client import Away, Hub, Key, NotAllowed, RefusedByHub

__all__ = ["Away", "Hub", "Key", "NotAllowed", "RefusedByHub"]
