"""What is wrong with an event as far as no store is needed to know it: names and numbers that the pack refuses, text
that hides, codes, days, wages, ages, consents. Asked at intake's door, and offline by the client, which says the same.
"""
