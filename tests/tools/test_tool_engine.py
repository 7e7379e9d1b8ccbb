from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.tools.place import Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the script starts engines on Linux only")

# A daemon that answers while it runs, and writes down its arguments.
DOCKERD = """\
echo "$@" >"$HOME/dockerd-arguments"
echo "this is dockerd's log"
trap 'rm -f "$HOME/answers"; exit 0' TERM
touch "$HOME/answers"
beats=0 # ends by itself if a failed test leaves it running
while [ $beats -lt 300 ] && sleep 0.1; do beats=$((beats + 1)); done
"""
DOCKER = '[ -f "$HOME/answers" ] && echo 20.10.24'


@pytest.fixture
def machine(place: Place) -> Iterator[Place]:
    """Debian as root without an init system, with a Docker client but no engine."""
    place.take("tools/engine")
    etc = place.folder / "root" / "etc"
    etc.mkdir(parents=True)
    (etc / "os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    place.script("docker", DOCKER)
    place.script("id", "echo 0")
    place.script("uname", "echo Linux")
    yield place
    place.run("tools/engine", "stop")


def installs_dockerd(machine: Place) -> None:
    """Let apt-get install a dockerd."""
    (machine.folder / "dockerd").write_text(f"#!{machine.bin}/sh\n{DOCKERD}")
    machine.script(
        "apt-get",
        f'echo "$@" >>"$HOME/apt-calls"; case "$*" in *install*) cp "$HOME/dockerd" {machine.bin}/dockerd; '
        f"chmod +x {machine.bin}/dockerd ;; esac",
    )


@pytest.mark.parametrize("verb", ["start", "ensure"])
def test_a_running_engine_is_left_running(machine: Place, verb: str) -> None:
    (machine.folder / "answers").touch()
    for tool in ("apt-get", "dockerd", "systemctl"):
        machine.script(tool, 'touch "$HOME/touched"')
    done = machine.run("tools/engine", verb)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Docker 20.10.24 answers" in done.stdout
    assert not (machine.folder / "touched").exists()
    assert "nothing to stop" in machine.run("tools/engine", "stop").stdout


@pytest.mark.parametrize("verb", ["start", "ensure"])
@pytest.mark.parametrize(
    ("tool", "output", "needed"),
    [("id", "1000", "sudo make engine"), ("uname", "Darwin", "Docker Desktop")],
)
def test_users_who_can_not_start_an_engine_get_one_line(
    machine: Place, verb: str, tool: str, output: str, needed: str
) -> None:
    installs_dockerd(machine)
    machine.script(tool, f"echo {output}")
    done = machine.run("tools/engine", verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert needed in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (machine.folder / "apt-calls").exists()


def test_other_linux_distributions_get_one_line(machine: Place) -> None:
    installs_dockerd(machine)
    (machine.folder / "root/etc/os-release").write_text("ID=fedora\n")
    done = machine.run("tools/engine", "start")
    assert done.returncode == 2
    assert "your system's packages" in done.stderr
    assert not (machine.folder / "apt-calls").exists()


def test_a_remote_engine_is_not_replaced_by_a_local_one(machine: Place) -> None:
    installs_dockerd(machine)
    done = machine.run("tools/engine", "ensure", DOCKER_HOST="tcp://10.0.0.1:2376")
    assert done.returncode == 2
    assert "nothing answers at DOCKER_HOST=tcp://10.0.0.1:2376" in done.stderr
    assert not (machine.folder / "apt-calls").exists()


def test_installation_can_be_forbidden(machine: Place) -> None:
    installs_dockerd(machine)
    done = machine.run("tools/engine", "ensure", HARNESS_INSTALL_ENGINE="0")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "make engine" in done.stderr
    assert not (machine.folder / "apt-calls").exists()


def test_an_engine_is_installed_started_detached_and_stopped(machine: Place, alive: Callable[[int], bool]) -> None:
    installs_dockerd(machine)
    # This call would not return if the daemon kept its output open.
    done = machine.run("tools/engine", "ensure", HARNESS_DOCKERD_OPTIONS="--data-root /elsewhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no Docker engine answers; starting one" in done.stdout
    calls = (machine.folder / "apt-calls").read_text().splitlines()
    assert [call.split()[4] for call in calls] == ["update", "install"]
    assert calls[1].endswith("docker.io ca-certificates")
    assert (machine.folder / "dockerd-arguments").read_text() == "--data-root /elsewhere\n"
    state = machine.folder / "root/run/airflow-harness"
    pid = int((state / "started").read_text())
    assert alive(pid)
    assert os.getsid(pid) == pid  # a separate session, so Ctrl-C and hang-ups don't reach it
    assert "this is dockerd's log" in (state / "engine.log").read_text()

    again = machine.run("tools/engine", "start")
    assert "nothing to do" in again.stdout
    assert int((state / "started").read_text()) == pid

    stopped = machine.run("tools/engine", "stop")
    assert "stopped the dockerd" in stopped.stdout
    assert not alive(pid)


def test_an_installed_engine_is_started(machine: Place) -> None:
    installs_dockerd(machine)
    machine.script("dockerd", DOCKERD)
    done = machine.run("tools/engine", "start", DOCKER_HOST="unix:///elsewhere.sock")
    assert done.returncode == 0
    assert not (machine.folder / "apt-calls").exists()
    assert (machine.folder / "dockerd-arguments").read_text() == "-H unix:///elsewhere.sock\n"


def test_systemd_starts_the_service(machine: Place) -> None:
    (machine.folder / "root/run/systemd/system").mkdir(parents=True)
    machine.script("dockerd", "exit 9")
    machine.script(
        "systemctl",
        'echo "$@" >>"$HOME/systemctl"; case $1 in start) touch "$HOME/answers" ;; stop) rm "$HOME/answers" ;; esac',
    )
    assert machine.run("tools/engine", "start").returncode == 0
    machine.run("tools/engine", "stop")
    assert (machine.folder / "systemctl").read_text() == "start docker\nstop docker.socket docker.service\n"


def test_a_failed_installation_shows_the_output_of_apt(machine: Place) -> None:
    machine.script("apt-get", "echo 'E: Unable to locate package docker.io'; exit 100")
    done = machine.run("tools/engine", "start")
    assert done.returncode == 1
    assert "apt-get could not install docker.io" in done.stderr
    assert "E: Unable to locate package docker.io" in done.stderr


def test_a_daemon_that_exits_shows_its_log_at_once(machine: Place) -> None:
    machine.script("dockerd", "echo 'failed to start daemon: no cgroups'; exit 1")
    began = time.monotonic()
    done = machine.run("tools/engine", "start")
    assert done.returncode == 1
    assert "failed to start daemon: no cgroups" in done.stderr
    assert time.monotonic() - began < 10
    assert "nothing to stop" in machine.run("tools/engine", "stop").stdout


def test_another_process_with_the_recorded_pid_is_not_stopped(machine: Place, alive: Callable[[int], bool]) -> None:
    machine.script("dockerd", DOCKERD)
    machine.run("tools/engine", "start")
    note = machine.folder / "root/run/airflow-harness/started"
    ours = note.read_text()
    with subprocess.Popen(["sleep", "30"]) as stranger:
        note.write_text(f"{stranger.pid}\n")
        output = machine.run("tools/engine", "stop").stdout
        spared = stranger.poll() is None
        stranger.kill()
    note.write_text(ours)
    assert "has already ended" in output
    assert spared
    assert alive(int(ours))
