"""What is particular to an agency's files, kept for it: each of its mappings under a name of its own."""
