"""What must stand in no event, wherever it came from: names and numbers that the pack refuses, text that hides. Asked
at intake's door, and by the client before it publishes what would lie in a topic.
"""
