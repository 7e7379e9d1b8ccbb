"""The tutorials: their files are written, their commands executed, and their shown output compared.

The first command, `pip install`, is not executed. Instead the test checks that the named packages are the wheel of this
checkout, which the other commands import, and packages of this environment.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shlex
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.runners.warm import end_hosts
from harness.runtime_dir import hosts_folder
from tests.docs.blocks import blocks, missing
from tests.installed import installed_wheel
from tests.outer import environment

INSTALL = ["pip", "install"]
UPGRADE = "harness upgrade --from airflow-2.txt --to airflow-3.txt"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "tutorial.md",
            ["install", "pytest", "compared", "pytest --harness-report page", "compared", "ls page", "compared"],
        ),
        pytest.param(
            "upgrade.md",
            ["install", UPGRADE, "compared", UPGRADE, "compared"],
            marks=pytest.mark.at_length,  # two environments from the package index, and six pytest sessions
        ),
    ],
)
def test_every_block_of_a_tutorial_works(
    page: str, expected: list[str], harness_airflow: AirflowEnvironment, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    root, project = pytestconfig.rootpath, tmp_path / "project"
    project.mkdir()
    installed = installed_wheel(root, tmp_path)
    env = {**environment(installed), "PATH": f"{_programs(tmp_path)}{os.pathsep}{os.environ['PATH']}"}
    output, done = "", []
    try:
        for block in blocks(root / "docs" / page):
            if block.title:
                file = project / block.title
                file.parent.mkdir(exist_ok=True)
                file.write_text(_renew(block.text))
            elif block.language == "shell" and shlex.split(block.text)[:2] == INSTALL:
                _check_installed(shlex.split(block.text)[2:], installed, harness_airflow)
                done.append("install")
            elif block.language == "shell":
                code, output = _run(block.text, project, env)
                assert (code != 0) == ("fails" in block.words), f"{block.text}{output}"
                done.append(block.text.strip())
            else:
                assert block.language == "text", f"the test ignores {block}"
                if done[-1].startswith("ls "):
                    assert block.text == output
                assert missing(block.text, output) is None, output
                done.append("compared")
    finally:
        end_hosts(hosts_folder(project))
    assert done == expected


def test_the_readme_shows_the_check_of_the_tutorial(pytestconfig: pytest.Config) -> None:
    shown = blocks(pytestconfig.rootpath / "README.md")[0].text
    command, output = shown.removeprefix("$ ").split("\n", 1)
    page = blocks(pytestconfig.rootpath / "docs" / "upgrade.md")
    assert command == UPGRADE
    assert missing(output, "".join(block.text for block in page)) is None


def test_missing_finds_the_first_line_that_differs() -> None:
    output = "==== test ====\n x.py  .   [100%]\n took 3 s\nend\n"
    assert missing("= test =\nx.py .  [100%]\n...\ntook ... s\n", output) is None
    assert missing("x.py F [100%]\n", output) == "x.py F [100%]"
    assert missing("end\nx.py . [100%]\n", output) == "x.py . [100%]"  # the order matters
    assert missing("x.py\n", output) == "x.py"  # the whole line must match


def _programs(folder: Path) -> Path:
    """Create commands `pytest` and `harness` of this environment, for the PATH."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("pytest", "harness"):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {name} "$@"\n')
        (programs / name).chmod(0o755)
    return programs


def _renew(text: str) -> str:
    """Move the dates of accepted differences to the future, so that the test does not expire with them."""
    return re.sub(r"^expires = \d{4}", f"expires = {dt.date.today().year + 1}", text, flags=re.M)


def _run(command: str, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, done.stdout


def _check_installed(requested: list[str], installed: Path, airflow: AirflowEnvironment) -> None:
    """Check that the wheel has the requested name and extras, and the Airflow environment the other packages."""
    (file,) = installed.glob("*.dist-info/METADATA")
    wheel = Parser().parsestr(file.read_text())
    own, *others = [Requirement(each) for each in requested]
    assert own.name == wheel["Name"]
    assert own.extras
    assert own.extras <= set(wheel.get_all("Provides-Extra"))
    assert {requirement.name for requirement in others} <= airflow.packages.keys()
