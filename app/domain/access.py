"""Who may do what through the HTTP API."""

from enum import StrEnum


class Role(StrEnum):
    ALERTMANAGER = "alertmanager"  # may post alerts, nothing else
    VIEWER = "viewer"  # may read
    OPERATOR = "operator"  # may read, and keep tasks
    ADMIN = "admin"  # may do everything
