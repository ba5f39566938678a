"""What the simulated Slack answers when it refuses."""

from typing import Any


class SlackError(Exception):
    """Becomes `{"ok": false, "error": code}` with HTTP status 200, as Slack does."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    def body(self) -> dict[str, Any]:
        return {"ok": False, "error": self.code, **self.details}


class ControlError(Exception):
    """The control interface was asked for something that does not exist."""
