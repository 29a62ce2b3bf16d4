"""Who may do what: agencies, their keys and rights, what is forbidden about a person, the audit of who looked."""
