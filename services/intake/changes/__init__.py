"""What an event that kept the rules changes: read from the Work, decided here, written by `service.py`."""
