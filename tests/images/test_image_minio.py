"""MinIO's releases, Go's names for them, and the stamps."""

from __future__ import annotations

import pytest

from harness.errors import ImageError
from harness.images.minio import MODULES, SUMS, VERSIONS, go_version, stamps


def short(release: str, program: str = "minio") -> dict[str, str]:
    return {name.rpartition(".")[2]: value for name, value in stamps(program, release).items()}


def test_a_known_release_is_asked_for_by_its_commit() -> None:
    assert go_version("minio", "RELEASE.2025-10-15T17-29-55Z") == "v0.0.0-20251015172955-9e49d5e7a648"
    assert short("RELEASE.2025-10-15T17-29-55Z") == {
        "ReleaseTag": "RELEASE.2025-10-15T17-29-55Z",
        "Version": "2025-10-15T17:29:55Z",
        "CommitID": "9e49d5e7a648",
        "ShortCommitID": "9e49d5e7a648",
        "CopyrightYear": "2025",
    }


def test_another_release_is_asked_for_by_its_tag() -> None:
    assert go_version("minio", "RELEASE.2024-01-02T03-04-05Z") == "RELEASE.2024-01-02T03-04-05Z"
    assert short("RELEASE.2024-01-02T03-04-05Z")["Version"] == "2024-01-02T03:04:05Z"


def test_a_commit_is_stamped_as_development() -> None:
    found = short("v0.0.0-20260212201848-7aac2a2c5b7c")
    assert found["ReleaseTag"] == "DEVELOPMENT.2026-02-12T20-18-48Z"
    assert found["CommitID"] == "7aac2a2c5b7c"


def test_the_client_has_releases_and_variables_of_its_own() -> None:
    release = "RELEASE.2025-08-13T08-35-41Z"
    assert go_version("mc", release) == "v0.0.0-20250813083541-7394ce0dd2a8"
    assert go_version("minio", release) == release, "the server had no such release"
    assert stamps("mc", release)["github.com/minio/mc/cmd.CommitID"] == "7394ce0dd2a8"
    assert {name.rpartition("/")[0] for name in stamps("mc", release)} == {MODULES["mc"]}


def test_checksums_are_of_versions_that_are_asked_for() -> None:
    assert SUMS.keys() <= {version for versions in VERSIONS.values() for version in versions.values()}
    assert all(part.startswith("h1:") for sums in SUMS.values() for part in sums)


@pytest.mark.parametrize("program", ["minio", "mc"])
def test_anything_else_is_refused(program: str) -> None:
    with pytest.raises(ImageError, match=f"image {program}: 'latest' is no release"):
        stamps(program, "latest")
