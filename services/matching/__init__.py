"""Matching: who fits what, how well and why. Reads people, opportunities and agencies; writes matches."""
