"""MinIO's releases, Go's names for them, and the stamps."""

from __future__ import annotations

import pytest

from harness.errors import ImageError
from harness.images.minio import go_version, stamps


def short(release: str) -> dict[str, str]:
    return {name.rpartition(".")[2]: value for name, value in stamps(release).items()}


def test_a_known_release_is_asked_for_by_its_commit() -> None:
    assert go_version("RELEASE.2025-10-15T17-29-55Z") == "v0.0.0-20251015172955-9e49d5e7a648"
    assert short("RELEASE.2025-10-15T17-29-55Z") == {
        "ReleaseTag": "RELEASE.2025-10-15T17-29-55Z",
        "Version": "2025-10-15T17:29:55Z",
        "CommitID": "9e49d5e7a648",
        "ShortCommitID": "9e49d5e7a648",
        "CopyrightYear": "2025",
    }


def test_another_release_is_asked_for_by_its_tag() -> None:
    assert go_version("RELEASE.2024-01-02T03-04-05Z") == "RELEASE.2024-01-02T03-04-05Z"
    assert short("RELEASE.2024-01-02T03-04-05Z")["Version"] == "2024-01-02T03:04:05Z"


def test_a_commit_is_stamped_as_development() -> None:
    found = short("v0.0.0-20260212201848-7aac2a2c5b7c")
    assert found["ReleaseTag"] == "DEVELOPMENT.2026-02-12T20-18-48Z"
    assert found["CommitID"] == "7aac2a2c5b7c"


def test_anything_else_is_refused() -> None:
    with pytest.raises(ImageError, match="is no release"):
        stamps("latest")
