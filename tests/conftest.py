import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio alone: the product knows no other event loop."""
    return "asyncio"
