"""MinIO's releases as Go versions, and the stamps that make the server report them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from harness.errors import ImageError

MODULE = "github.com/minio/minio"
# MinIO's tags are no semantic versions. `go` can turn them into the form below only where it may ask the repository
# itself; a module proxy alone may know nothing but this form: commit time and the first 12 digits of the commit.
VERSIONS = {
    "RELEASE.2025-09-07T16-13-09Z": "v0.0.0-20250907161309-07c3a429bfed",
    "RELEASE.2025-10-15T17-29-55Z": "v0.0.0-20251015172955-9e49d5e7a648",
}
RELEASE = re.compile(r"RELEASE\.(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$")
PSEUDO = re.compile(r"v0\.0\.0-(\d{14})-([0-9a-f]{12})$")


def go_version(release: str) -> str:
    """What to ask Go for. A release outside the table is asked for by its tag."""
    return VERSIONS.get(release, release)


def stamps(release: str) -> dict[str, str]:
    """Linker variables, by full name, for `RELEASE.2025-09-07T16-13-09Z` or for a commit `v0.0.0-TIME-COMMIT`.

    Raises ImageError when `release` is neither.
    """
    tagged, pseudo = RELEASE.match(release), PSEUDO.match(release)
    if tagged:
        day, *clock = tagged.groups()
        moment = datetime.fromisoformat(f"{day}T{':'.join(clock)}")
        tag = release
    elif pseudo:
        moment = datetime.strptime(pseudo[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        tag = f"DEVELOPMENT.{moment:%Y-%m-%dT%H-%M-%SZ}"
    else:
        raise ImageError(
            f"image minio: {release!r} is no release: write build:RELEASE.YYYY-MM-DDTHH-MM-SSZ "
            "or build:v0.0.0-TIME-COMMIT"
        )
    named = PSEUDO.match(go_version(release))
    commit = named[2] if named else tag
    values = {
        "ReleaseTag": tag,
        "Version": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "CommitID": commit,
        "ShortCommitID": commit,
        "CopyrightYear": str(moment.year),
    }
    return {f"{MODULE}/cmd.{name}": value for name, value in values.items()}
