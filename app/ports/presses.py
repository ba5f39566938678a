"""Who does what a press asks for."""

from collections.abc import Awaitable, Callable

from app.domain.press import Press

PressHandler = Callable[[Press], Awaitable[str]]
"""Commits what was asked, and returns a sentence in mrkdwn for the presser alone; empty for none.

It does nothing twice for the same `press_id`. What the presser did wrong it answers in words; it
raises only when the database cannot be used.
"""
