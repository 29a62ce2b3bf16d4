"""Adverts from a portal that only answers questions, in the shape of Work24's open API: asked page by page, and sent
through the door like any others."""

from clients.ieum.polling.poller import Outcome, Poller
from clients.ieum.polling.portal import Portal, PortalKey
from clients.ieum.polling.progress import Progress

__all__ = ["Outcome", "Poller", "Portal", "PortalKey", "Progress"]
