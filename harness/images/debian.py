"""A Debian root filesystem from the building machine's own suite, mirror and certificates, by debootstrap."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ImageError
from harness.images.tools import Log

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KEY_FOLDERS = (Path("/etc/apt/trusted.gpg.d"), Path("/etc/apt/keyrings"))
# What of apt's configuration says how packages are fetched. The rest (hooks, dpkg options) is the machine's own affair.
FETCHING = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
WGET = Path(__file__).parent / "recipes" / "base" / "wget.py"
DISTRIBUTIONS = ("Debian", "Ubuntu")


def own_suite() -> str:
    """The code name of this machine's system; `bookworm` where that is no Debian (nothing is built there)."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME") or "bookworm"
    except OSError:
        return "bookworm"


def fingerprint() -> str:
    """Changes when the certificates or package sources change that a base image carries. Never fails."""
    digest = hashlib.sha256()
    sources = Path("/etc/apt")
    for file in (CA_BUNDLE, sources / "sources.list", *sorted(sources.glob("sources.list.d/*.[ls]*"))):
        if file.suffix not in {".crt", ".list", ".sources"} or not file.is_file():
            continue
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class _Source:
    origin: str
    release: str
    uri: str
    component: str


def make_rootfs(suite: str, arch: str, work: Path, tar: Path, leave_out: Path, log: Log) -> None:
    """Writes the root filesystem of `suite` for Debian architecture `arch` to `tar`.

    `leave_out` is a file of tar patterns. `work` is scratch space. Only folders below `work` change. Raises ImageError.
    """
    _require_this_machine(arch, log)
    apt = _private_apt(work)
    log.run(["apt-get", *apt, "update"], doing="apt-get update")
    sources = _sources(apt)
    mirror = next((source.uri for source in sources if source.release == suite), None)
    if mirror is None:
        known = ", ".join(sorted({source.release for source in sources})) or "none"
        raise ImageError(f"image {log.name} can't be built: apt's sources name no suite {suite!r} (they name: {known})")
    program, env = _debootstrap(work, apt, log)
    rootfs = work / "rootfs"
    components = ",".join(sorted({source.component for source in sources if source.release == suite}))
    # debootstrap mounts /proc in the new root; in a mount namespace of its own that ends with it, however it ends.
    command = ["unshare", "--mount", program, "--variant=minbase", f"--components={components}"]
    log.run([*command, f"--arch={arch}", suite, str(rootfs), mirror], env=env, doing="debootstrap")
    _carry_over(rootfs, sources)
    pack = ["tar", "--create", "--numeric-owner", "--one-file-system", f"--file={tar}", f"--directory={rootfs}"]
    log.run([*pack, f"--exclude-from={leave_out}", "."], doing="packing the root filesystem")
    shutil.rmtree(rootfs)


def _require_this_machine(arch: str, log: Log) -> None:
    why = None
    if platform.system() != "Linux" or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        why = "its recipe needs Debian or Ubuntu (debootstrap)"
    elif os.geteuid() != 0:
        why = "its recipe needs root (debootstrap)"
    else:
        own = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        if own.stdout.strip() != arch:
            why = f"the engine runs {arch}, this machine {own.stdout.strip()}"
    if why:
        raise ImageError(
            f"image {log.name} can't be built here: {why}; give an image with --{log.name}-image, "
            "or let the engine reach a registry"
        )


def _private_apt(work: Path) -> list[str]:
    """Options that keep apt's lists and downloads out of the machine's own folders."""
    folders = {"Dir::State::lists": work / "apt" / "lists", "Dir::Cache": work / "apt" / "cache"}
    options = ["-o", "APT::Sandbox::User=root"]
    for key, folder in folders.items():
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        options += ["-o", f"{key}={folder}"]
    return options


def _sources(apt: list[str]) -> list[_Source]:
    """The package sources of the distribution itself, without third parties' ones."""
    wanted = "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)"
    command = ["apt-get", *apt, "indextargets", "--format", wanted]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = [line.split("|")[1:] for line in dict.fromkeys(lines) if line.startswith("Packages|")]
    found = [_Source(*fields) for fields in packages]
    return [source for source in found if source.origin in DISTRIBUTIONS] or found


def _debootstrap(work: Path, apt: list[str], log: Log) -> tuple[str, dict[str, str]]:
    """The program and its environment: the installed one, else the package, unpacked in `work` and not installed."""
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    proxy = subprocess.run(
        ["apt-config", "shell", "P", "Acquire::http::Proxy"], capture_output=True, text=True, check=True
    ).stdout.partition("=")[2]
    if proxy:
        env["http_proxy"] = proxy.strip().strip("'")
    if shutil.which("wget") is None:
        wget = work / "bin" / "wget"
        wget.parent.mkdir()
        wget.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{WGET}" "$@"\n')
        wget.chmod(0o755)
        env["PATH"] = f"{wget.parent}:{os.environ['PATH']}"
    installed = shutil.which("debootstrap")
    if installed:
        return installed, env
    folder = work / "debootstrap"
    folder.mkdir()
    # apt-get download writes into the current folder.
    log.run(["env", "-C", str(folder), "apt-get", *apt, "download", "debootstrap"], doing="apt-get download")
    log.run(["dpkg", "-x", str(next(folder.glob("*.deb"))), str(folder)], doing="unpacking debootstrap")
    env["DEBOOTSTRAP_DIR"] = str(folder / "usr/share/debootstrap")
    return str(folder / "usr/sbin/debootstrap"), env


def _carry_over(rootfs: Path, sources: list[_Source]) -> None:
    """Certificates, package sources, keys and the way of fetching, so that child images can install packages."""
    if CA_BUNDLE.is_file():
        target = rootfs / CA_BUNDLE.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CA_BUNDLE, target)
    entries = [f"deb {source.uri} {source.release} {source.component}" for source in sources]
    (rootfs / "etc/apt/sources.list").write_text("\n".join(dict.fromkeys(entries)) + "\n")
    for folder in KEY_FOLDERS:
        for key in (*folder.glob("*.gpg"), *folder.glob("*.asc")):
            shutil.copy(key, rootfs / "etc/apt/trusted.gpg.d" / key.name)
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    chosen = [line for line in dump.splitlines() if line.startswith(FETCHING) and not line.endswith(' "";')]
    (rootfs / "etc/apt/apt.conf.d/90fetching").write_text("\n".join(chosen) + "\n")
