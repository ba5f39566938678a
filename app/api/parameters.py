"""How parameters of requests are read, where the framework would take more than is described."""


def true_or_false(text: object) -> object:
    """Let these two through, and nothing else that could be taken for them.

    Raises:
        ValueError: it is neither.
    """
    if text not in {None, True, False, "true", "false"}:
        raise ValueError("write true or false")
    return text
