"""Notifications: tells partners what they may know, takes it back when they may not, and says what became of it."""
