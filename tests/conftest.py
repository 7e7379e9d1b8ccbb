"""What the harness's own tests share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from harness.services.stack import Stack


@pytest.fixture
def postgres_dsn(stack: Stack) -> Iterator[str]:
    """libpq URL of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    stack.postgres.create(name)
    yield stack.postgres.url(name)
    stack.postgres.drop(name)
