"""The option --mnist FILE, and fixtures for the digits of scikit-learn and of MNIST."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.digits import Digits, load_bundled, read


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("chapter", "The chapter's data").addoption(
        "--mnist", metavar="FILE", help="also run the digit scenarios on this mnist.pkl.gz (a pickle of three pairs)"
    )


@pytest.fixture(params=["bundled", "mnist"])
def both_digits(request: pytest.FixtureRequest) -> Digits:
    """scikit-learn's digits, and MNIST's if --mnist is given."""
    if request.param == "bundled":
        return load_bundled()
    file = request.config.getoption("--mnist")
    if file is None:
        pytest.skip("not run: give --mnist FILE, an mnist.pkl.gz with three pairs")
    return read(Path(file))


@pytest.fixture
def digits() -> Digits:
    """scikit-learn's digits."""
    return load_bundled()
