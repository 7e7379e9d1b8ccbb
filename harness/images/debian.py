"""Build a Debian root filesystem with debootstrap.

It has this machine's suite, package sources and certificates.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ImageError
from harness.images.tools import BuildLog

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KEY_FOLDERS = (Path("/etc/apt/trusted.gpg.d"), Path("/etc/apt/keyrings"))
# The apt settings that control how packages are fetched. Other settings (hooks, dpkg options) stay on this machine.
FETCH_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
WGET = Path(__file__).parent / "recipes" / "base" / "wget.py"
KEYRINGS = Path("/usr/share/keyrings")
DISTRIBUTIONS = {"Debian": "debian-archive-keyring", "Ubuntu": "ubuntu-keyring"}
"""The distributions, and the package with the keys that sign each."""
CREDENTIALS = re.compile(r"(?<=://)[^/\s\"]*@")
"""User and password in a URL."""


def host_suite() -> str:
    """Return this machine's Debian or Ubuntu code name; `bookworm` on other systems.

    Other systems can't build the base image.
    """
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME") or "bookworm"
    except OSError:
        return "bookworm"


def fingerprint() -> str:
    """Return a hash over what decides the base image: certificates, package sources and this code."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
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


def build_rootfs(suite: str, arch: str, work: Path, tar: Path, exclude: Path, log: BuildLog) -> None:
    """Write the root filesystem of `suite` for Debian architecture `arch` to `tar`.

    `exclude` is a file of tar patterns, `work` a folder for temporary files. Nothing outside `work` and `tar` changes.
    Raises ImageError.
    """
    _check_host(arch, log)
    apt = _private_apt(work)
    log.run(["apt-get", *apt, "update"], doing="apt-get update")
    sources = _list_sources(apt)
    mirror = next((source for source in sources if source.release == suite), None)
    if mirror is None:
        known = ", ".join(sorted({source.release for source in sources})) or "none"
        raise ImageError(f"image {log.name} can't be built: apt's sources lack suite {suite!r} (they have: {known})")
    _check_credentials(sources, log)
    checked = ["--force-check-gpg", *_find_keyring(mirror.origin, log)]
    program, env = _find_debootstrap(work, apt, log)
    rootfs = work / "rootfs"
    components = ",".join(sorted({source.component for source in sources if source.release == suite}))
    # debootstrap mounts /proc in the new root. The mount ends with this namespace, even if debootstrap is killed.
    command = ["unshare", "--mount", program, "--variant=minbase", f"--components={components}", *checked]
    log.run([*command, f"--arch={arch}", suite, str(rootfs), mirror.uri], env=env, doing="debootstrap")
    _copy_host_configuration(rootfs, sources)
    pack = ["tar", "--create", "--numeric-owner", "--one-file-system", f"--file={tar}", f"--directory={rootfs}"]
    log.run([*pack, f"--exclude-from={exclude}", "."], doing="packing the root filesystem")
    shutil.rmtree(rootfs)


def _check_host(arch: str, log: BuildLog) -> None:
    reason = None
    if platform.system() != "Linux" or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        reason = "its recipe needs Debian or Ubuntu (debootstrap)"
    elif os.geteuid() != 0:
        reason = "its recipe needs root (debootstrap)"
    else:
        own = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
        if own.stdout.strip() != arch:
            reason = f"the engine runs {arch}, this machine {own.stdout.strip()}"
    if reason:
        raise ImageError(
            f"image {log.name} can't be built here: {reason}; name an image in the setting {log.name}_image, "
            "or give the engine access to a registry"
        )


def _check_credentials(sources: list[_Source], log: BuildLog) -> None:
    """Raise ImageError for a source with credentials: child images need it, and would contain them."""
    for source in sources:
        if CREDENTIALS.search(source.uri):
            raise ImageError(
                f"image {log.name} can't be built here: the package source {CREDENTIALS.sub('***@', source.uri)} has a "
                f"user and a password, which the image would contain; use a source without, or name an image in the "
                f"setting {log.name}_image"
            )


def _find_keyring(origin: str, log: BuildLog) -> list[str]:
    """Return debootstrap's option for the keys that sign the distribution. Raises ImageError."""
    package = DISTRIBUTIONS.get(origin)
    if package is None:
        return []  # debootstrap uses that of the suite.
    keyring = KEYRINGS / f"{origin.lower()}-archive-keyring.gpg"
    if not keyring.is_file():
        raise ImageError(
            f"image {log.name} can't be built here: {keyring}, with {origin}'s keys, is missing; "
            f"run `apt-get install {package}`"
        )
    return [f"--keyring={keyring}"]


def _private_apt(work: Path) -> list[str]:
    """Return options that keep apt's lists and downloads below `work`."""
    folders = {"Dir::State::lists": work / "apt" / "lists", "Dir::Cache": work / "apt" / "cache"}
    options = ["-o", "APT::Sandbox::User=root"]
    for key, folder in folders.items():
        (folder / "partial").mkdir(parents=True, exist_ok=True)
        options += ["-o", f"{key}={folder}"]
    return options


def _list_sources(apt: list[str]) -> list[_Source]:
    """Return Debian's or Ubuntu's package sources, or all sources if none is theirs."""
    line_format = "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)"
    command = ["apt-get", *apt, "indextargets", "--format", line_format]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = [line.split("|")[1:] for line in dict.fromkeys(lines) if line.startswith("Packages|")]
    sources = [_Source(*fields) for fields in packages]
    return [source for source in sources if source.origin in DISTRIBUTIONS] or sources


def _find_debootstrap(work: Path, apt: list[str], log: BuildLog) -> tuple[str, dict[str, str]]:
    """Return debootstrap's path and environment.

    If debootstrap is not installed, its package is downloaded and unpacked in `work`.
    """
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    if proxy := _read_proxies().get("http_proxy"):
        env["http_proxy"] = proxy
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


def _copy_host_configuration(rootfs: Path, sources: list[_Source]) -> None:
    """Copy certificates, package sources, keys and apt's fetch settings into `rootfs`.

    Child images need them to install packages.
    """
    if CA_BUNDLE.is_file():
        target = rootfs / CA_BUNDLE.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CA_BUNDLE, target)
    entries = [f"deb {source.uri} {source.release} {source.component}" for source in sources]
    (rootfs / "etc/apt/sources.list").write_text("\n".join(dict.fromkeys(entries)) + "\n")
    for folder in KEY_FOLDERS:
        for key in (*folder.glob("*.gpg"), *folder.glob("*.asc")):
            shutil.copy(key, rootfs / "etc/apt/trusted.gpg.d" / key.name)
    settings = [
        line
        for line in _read_apt_settings()
        if line.startswith(FETCH_SETTINGS) and not line.endswith(' "";') and not CREDENTIALS.search(line)
    ]
    (rootfs / "etc/apt/apt.conf.d/90fetching").write_text("\n".join(settings) + "\n")


def proxy_arguments() -> dict[str, str]:
    """Return apt's proxies with credentials as build arguments, which the engine keeps in no image.

    Proxies without credentials are in the base image. Without apt there is no proxy.
    """
    proxies = _read_proxies() if shutil.which("apt-config") else {}
    return {name: url for name, url in proxies.items() if CREDENTIALS.search(url)}


def _read_proxies() -> dict[str, str]:
    """Return apt's proxies by the environment variable that programs read."""
    found = (re.fullmatch(r'Acquire::(https?)::Proxy "(.+)";', line, re.I) for line in _read_apt_settings())
    return {f"{match[1].lower()}_proxy": match[2] for match in found if match}


def _read_apt_settings() -> list[str]:
    return subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout.splitlines()
