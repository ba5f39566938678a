"""Regular expressions as Alertmanager has them: RE2, which cannot be made to run for ever."""

from functools import lru_cache

import re2

from app.domain.matchers import Pattern


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Pattern | None:
    """Compile with the engine that Alertmanager has; None for what it would refuse.

    Whoever may silence may write any expression; Python's own engine takes minutes for some.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        pattern: Pattern = re2.compile(expression, options)
    except re2.error:
        return None
    return pattern
