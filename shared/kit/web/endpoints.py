"""What routes call. The port opens before it is put together, so that probes and metrics are answered at once."""

from __future__ import annotations

from typing import NoReturn

from shared.kit.web.problems import unavailable


class Endpoints:
    """A subclass names what its routes call, the service sets it once its database is open. Until then whoever asks
    for it gets the 503 problem."""

    def __getattr__(self, name: str) -> NoReturn:
        """Only called for what is not there yet."""
        raise unavailable()
