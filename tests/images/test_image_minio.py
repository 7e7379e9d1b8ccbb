"""MinIO's releases, their Go versions and their linker variables."""

from __future__ import annotations

import pytest

from harness.errors import ImageError
from harness.images.minio import CHECKSUMS, MODULES, VERSIONS, go_version, linker_variables


def short_variables(release: str, program: str = "minio") -> dict[str, str]:
    return {name.rpartition(".")[2]: value for name, value in linker_variables(program, release).items()}


def test_a_known_release_has_a_pseudo_version() -> None:
    assert go_version("minio", "RELEASE.2025-10-15T17-29-55Z") == "v0.0.0-20251015172955-9e49d5e7a648"
    assert short_variables("RELEASE.2025-10-15T17-29-55Z") == {
        "ReleaseTag": "RELEASE.2025-10-15T17-29-55Z",
        "Version": "2025-10-15T17:29:55Z",
        "CommitID": "9e49d5e7a648",
        "ShortCommitID": "9e49d5e7a648",
        "CopyrightYear": "2025",
    }


def test_an_unknown_release_keeps_its_tag() -> None:
    assert go_version("minio", "RELEASE.2024-01-02T03-04-05Z") == "RELEASE.2024-01-02T03-04-05Z"
    assert short_variables("RELEASE.2024-01-02T03-04-05Z")["Version"] == "2024-01-02T03:04:05Z"


def test_a_commit_is_a_development_release() -> None:
    variables = short_variables("v0.0.0-20260212201848-7aac2a2c5b7c")
    assert variables["ReleaseTag"] == "DEVELOPMENT.2026-02-12T20-18-48Z"
    assert variables["CommitID"] == "7aac2a2c5b7c"


def test_client_and_server_have_different_releases_and_variables() -> None:
    release = "RELEASE.2025-08-13T08-35-41Z"
    assert go_version("mc", release) == "v0.0.0-20250813083541-7394ce0dd2a8"
    assert go_version("minio", release) == release, "the server had no such release"
    assert linker_variables("mc", release)["github.com/minio/mc/cmd.CommitID"] == "7394ce0dd2a8"
    assert {name.rpartition("/")[0] for name in linker_variables("mc", release)} == {MODULES["mc"]}


def test_checksums_belong_to_known_versions() -> None:
    assert CHECKSUMS.keys() <= {version for versions in VERSIONS.values() for version in versions.values()}
    assert all(part.startswith("h1:") for checksums in CHECKSUMS.values() for part in checksums)


@pytest.mark.parametrize("program", ["minio", "mc"])
def test_an_invalid_release_is_an_error(program: str) -> None:
    with pytest.raises(ImageError, match=f"image {program}: 'latest' is not a release"):
        linker_variables(program, "latest")
