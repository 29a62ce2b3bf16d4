"""What all services share: the contract (events), the packs of code lists (reference) and how a service runs (kit)."""
