"""Every error that the watchdog raises on purpose.

- WatchdogError
  - ConfigurationError           the configuration is wrong: a person must change it
  - InvalidAlertError            an alert that breaks the contract between rules and receiver
  - NotSignedError               what was posted is not signed by Slack: somebody else sent it
  - InvalidInteractionError      what Slack posted cannot be read, and never will be
  - InvalidTransitionError       an event that the incident's state does not allow: a bug of ours
  - IncidentNotFoundError        no incident has this id
  - TaskNotFoundError            no task of this id holds resources
  - ClusterUnreadError           Determined has not been read since the start: try again later
  - ActivityUnknownError         Prometheus does not tell which tasks idle: try again later
  - StaleIncidentError           somebody changed the incident first: read it and decide again
  - StaleLeaseError              another replica does this now: leave it to that one
  - IntentExistsError            another incident already means to stop this allocation
  - BreakerTrippedError          a stop may not be recorded or sent: too many, or a person says no
  - TaskKeptError                somebody keeps the task: a stop may not be recorded or sent
  - StopUnderWayError            a call to stop the task was made: it is too late to keep it
  - StopGivenUpError             Determined was called again and again in vain: a person must look
  - NothingToStopError           no task of the incident is open
  - UnknownTargetError           the incident is not about this allocation
  - NotStoppableError            Determined has no call that stops a task of this type
  - OwnerUnknownError            Determined does not tell whose the task is
  - NotPausableError             Determined cannot pause a task of this type
  - TooLateToDismissError        a stop of the incident has begun
  - NothingToKeepError           no task of the incident is to be stopped at the moment
  - KeepTooLongError             a keep would last longer than its policy allows
  - StopNotSentError             a call to stop something was not made: it surely did nothing
  - StoreUnavailableError        the database cannot be written now: try again later
  - UpstreamError                a system that we depend on
    - UpstreamUnavailableError   time-out, connection, 429 or 5xx: try again later
    - UpstreamRejectedError      any other refusal: trying again will not help
    - UpstreamMalformedError     an answer that we cannot read: unknown, which never leads to a stop
"""

from datetime import timedelta


class WatchdogError(Exception):
    """The base of all errors below."""


class ConfigurationError(WatchdogError):
    """The configuration is wrong; the message names the field and what to write there."""


class InvalidAlertError(WatchdogError):
    """An alert lacks an identity label, or has one that cannot be true."""


class NotSignedError(WatchdogError):
    """A request bears no valid signature of Slack's. The message says what is wrong."""


class InvalidInteractionError(WatchdogError):
    """What Slack posted is no form with a payload in JSON."""


class InvalidTransitionError(WatchdogError):
    """The state of the incident does not allow the event."""


class IncidentNotFoundError(WatchdogError):
    """No incident has this id."""


class TaskNotFoundError(WatchdogError):
    """No task of this id holds resources; the message is the id."""


class ClusterUnreadError(WatchdogError):
    """Determined has not been read since the watchdog began: nobody knows what runs."""


class ActivityUnknownError(WatchdogError):
    """Prometheus could not be asked which tasks idle. The message says why."""


class StaleIncidentError(WatchdogError):
    """The incident was changed since it was read. Read it again and decide again."""


class AskedTwiceError(WatchdogError):
    """What was asked for was stored before, under the same key. Nothing was stored again."""


class StaleLeaseError(WatchdogError):
    """Another replica has, or may have, taken over what was to be done. Nothing was stored."""


class IntentExistsError(WatchdogError):
    """There is an open intent to stop this allocation already."""


class TaskKeptError(WatchdogError):
    """A keep is in force for the task that an intent is about (S13)."""


class StopUnderWayError(WatchdogError):
    """A call to stop the task was made, and may have arrived."""


class StopGivenUpError(WatchdogError):
    """The calls to stop the task were used up, and the incident is left to a person."""


class NothingToStopError(WatchdogError):
    """All that the incident was about is over, or it has no task at the moment."""


class UnknownTargetError(WatchdogError):
    """The incident is not about this allocation."""


class NotStoppableError(WatchdogError):
    """Determined has no call that stops such a task; the message names the type."""


class OwnerUnknownError(WatchdogError):
    """Determined does not tell whose the task is, so nobody may decide over it (S2)."""


class NotPausableError(WatchdogError):
    """Determined can pause experiments and generic tasks alone; the message names the type."""


class TooLateToDismissError(WatchdogError):
    """A stop of the incident is on record already."""


class NothingToKeepError(WatchdogError):
    """The incident is about no task at the moment."""


class KeepTooLongError(WatchdogError):
    """A keep would last longer than its policy allows. The message says how long it may."""

    def __init__(self, message: str, *, allowed: timedelta) -> None:
        super().__init__(message)
        self.allowed = allowed
        """Nothing or less: no keep is allowed any more."""


class BreakerTrippedError(WatchdogError):
    """The breaker forbids the stop that was to be recorded or sent (S7). The message says why."""


class StopNotSentError(WatchdogError):
    """Nothing was sent to stop the task. The message says why."""


class StoreUnavailableError(WatchdogError):
    """The database cannot be read or written now."""


class UpstreamError(WatchdogError):
    """A system that we depend on did not do what we asked."""


class UpstreamUnavailableError(UpstreamError):
    """The system may answer later."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """How long the system asks us to wait. None means that it did not say."""


class UpstreamRejectedError(UpstreamError):
    """The system refuses, and will refuse again."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        """The system's own word for the refusal: an HTTP status, or Slack's `error`."""


class UpstreamMalformedError(UpstreamError):
    """The system answered with something that we cannot read."""
