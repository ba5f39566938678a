"""Why something happened, or did not: one word, the same in row, log, metric, API and message."""

from enum import StrEnum


class Reason(StrEnum):
    # What moved an incident.
    ALERT_FIRED = "alert_fired"
    OPENED_BY_HAND = "opened_by_hand"  # for a stop that a person asks for without any alert
    ALERT_ACTIVE = "alert_active"  # Alertmanager has it active: the owner may be told
    ALERT_SEEN = "alert_seen"  # Prometheus reported it, with its expressions
    TARGET_SEEN = "target_seen"  # Determined lists the allocation, with its name
    WARNING_DELIVERED = "warning_delivered"
    REMINDER_QUEUED = "reminder_queued"
    HOLD_BEGAN = "hold_began"
    HOLD_CHANGED = "hold_changed"
    HOLD_ENDED = "hold_ended"
    MODE_CHANGED = "mode_changed"
    ACTION_CHANGED = "action_changed"  # the policy would do more, or less, than was announced
    RECIPIENT_CHANGED = "recipient_changed"  # the owner is told elsewhere by now than was told
    TARGETS_CHOSEN = "targets_chosen"  # the tasks of a user that are to make room for others
    TARGETS_LEFT = "targets_left"  # something protects them now, or they are not needed any more
    WARNING_LATE = "warning_late"  # confirmed when its round was over: it starts no grace period
    NEW_EPISODE = "new_episode"  # the alert began again after the warning: a new grace period
    RECOVERED = "recovered"  # fresh samples, and the condition no longer holds
    ALLOCATION_ENDED = "allocation_ended"
    OWNER_CHANGED = "owner_changed"
    RULE_GONE = "rule_gone"
    RELABELLED = "relabelled"  # the alert goes on under other labels, as another incident
    DISMISSED = "dismissed"
    STOP_REQUESTED = "stop_requested"  # a person wants it stopped now
    PRESS_REFUSED = "press_refused"  # by somebody who is neither the owner nor an admin
    REQUEST_LAPSED = "request_lapsed"  # for too long it was not known whether that was right
    PROVEN = "proven"  # every safety rule holds: the intent to stop is recorded
    STOP_SENT = "stop_sent"  # Determined is being called; it is not known yet what it does
    STOP_ACCEPTED = "stop_accepted"
    STOP_REJECTED = "stop_rejected"
    STOP_NOT_SENT = "stop_not_sent"  # something spoke against it at the last moment
    STOP_UNCONFIRMED = "stop_unconfirmed"  # no answer, or the allocation still runs after one
    STOP_WITHDRAWN = "stop_withdrawn"
    STOP_TOOK_EFFECT = "stop_took_effect"  # the allocation is gone; its GPUs are looked at
    STOP_VERIFIED = "stop_verified"  # and its GPUs are free, or with another allocation
    GPUS_IN_USE = "gpus_in_use"  # it is gone, and something that is no task uses its GPUs
    GPUS_UNSEEN = "gpus_unseen"  # it is gone, and nobody could see whether its GPUs are free
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"

    # What holds an incident.
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    MUTED = "muted"
    KEPT = "kept"
    OWNER_UNREACHABLE = "owner_unreachable"
    BREAKER = "breaker"  # the breaker is tripped: nothing is stopped, on the whole cluster
    EXEMPT = "exempt"  # the configuration lets the task be
    OUTSIDE_HOURS = "outside_hours"  # it is night for the owner of a task with unsaved state
    NO_NEED = "no_need"  # the user is within the slot limit, or nobody else waits for room
    NO_USE = "no_use"  # no queued job of somebody else could begin, whatever was stopped
    ROOM_UNKNOWN = "room_unknown"  # Determined does not tell where there is room

    # Why a stop that is due was not made.
    DETERMINED_UNAVAILABLE = "determined_unavailable"
    PROMETHEUS_UNAVAILABLE = "prometheus_unavailable"
    ALERTMANAGER_UNAVAILABLE = "alertmanager_unavailable"
    SLACK_UNAVAILABLE = "slack_unavailable"  # nobody can say where the owner is told now
    OWNER_UNKNOWN = "owner_unknown"
    TYPE_DIFFERS = "type_differs"  # the alert names another type of task than Determined
    NOT_STOPPABLE = "not_stoppable"  # the task's type has no call that stops it
    NOT_FIRING = "not_firing"  # Prometheus does not report the alert now
    NOT_IN_ALERTMANAGER = "not_in_alertmanager"
    EXPRESSIONS_MISSING = "expressions_missing"  # the alert has no `verify` or no `evidence`
    EVIDENCE_MISSING = "evidence_missing"  # a sample that the judgement needs is not there
    EVIDENCE_STALE = "evidence_stale"
    HEARTBEAT_MISSING = "heartbeat_missing"
    NOT_WARNED = "not_warned"
    GRACE_RUNS = "grace_runs"
    MODE = "mode"  # the mode, or the policy, does not stop
    PROOF_OLD = "proof_old"  # the proof took so long that it may be true no more
    NOBODY_WAITS = "nobody_waits"  # for the GPUs, and the policy stops only while somebody does
    NOT_PAUSABLE = "not_pausable"  # by its type, or with others of its experiment in use
    STOPS_OTHERS = "stops_others"  # tasks that descend from it would be stopped with it
    STOP_ELSEWHERE = "stop_elsewhere"  # another incident has an open intent for the allocation
