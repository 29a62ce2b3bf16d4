"""The vault: who people are, sealed under a key of their own, and how an agency's reference finds them again."""

from services.intake.identity.references import Family, References
from services.intake.identity.vault import Vault

__all__ = ["Family", "References", "Vault"]
