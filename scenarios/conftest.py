"""What several scenarios of the chapter start from."""

from __future__ import annotations

import pytest

from harness import World
from scenarios.account import Account, opened
from scenarios.digits import Digits


@pytest.fixture
def aws_account(world: World, digits: Digits) -> Account:
    """The chapter's AWS account, in the twin."""
    return opened(world, digits)
