"""Fixtures of the chapter's scenarios."""

from __future__ import annotations

import pytest

from harness import World
from scenarios.account import Account, create_account
from scenarios.digits import Digits


@pytest.fixture
def aws_account(world: World, digits: Digits) -> Account:
    """The chapter's AWS account in the AWS mock."""
    return create_account(world, digits)
