"""Rounds: a class and openings with places, proposed together, looked at, adjusted by hand, confirmed.

A request stores what is asked, a job works it out in a process of its own (`compute.py`), the caller looks at the
result. Nothing follows from a confirmed round by itself yet: it is the record of what was agreed.
"""
