"""The option --mnist FILE, and the two sources of digits that scenarios run on: bundled, and MNIST's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.digits import Digits, bundled, read


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("chapter", "The chapter's data").addoption(
        "--mnist", metavar="FILE", help="an mnist.pkl.gz of the classic layout: the digit scenarios run on it, too"
    )


@pytest.fixture(params=["bundled", "mnist"])
def both_digits(request: pytest.FixtureRequest) -> Digits:
    """scikit-learn's digits, and MNIST's where --mnist names them."""
    if request.param == "bundled":
        return bundled()
    given = request.config.getoption("--mnist")
    if given is None:
        pytest.skip("not run: give --mnist FILE, an mnist.pkl.gz of the classic layout")
    return read(Path(given))


@pytest.fixture
def digits() -> Digits:
    """scikit-learn's digits."""
    return bundled()
