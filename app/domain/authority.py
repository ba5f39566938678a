"""Who may press buttons for others, by their ids in Slack: the configuration's word on people."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Authority:
    admins: frozenset[str] = frozenset()
    stand_ins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the owner's user name: the owner's own id, where it is configured, and the delegates'."""

    def is_admin(self, user_id: str) -> bool:
        return user_id in self.admins

    def may_answer_for(self, username: str, user_id: str) -> bool:
        return user_id in self.stand_ins.get(username, frozenset()) or self.is_admin(user_id)
