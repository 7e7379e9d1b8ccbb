"""MinIO's releases, of server (`minio`) and client (`mc`), as Go versions, and the stamps that make them report it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from harness.errors import ImageError
from harness.images.go import Sums

MODULES = {"minio": "github.com/minio/minio", "mc": "github.com/minio/mc"}
# MinIO's tags are no semantic versions. `go` can turn them into the form below only where it may ask the repository
# itself; a module proxy alone may know nothing but this form: commit time and the first 12 digits of the commit.
VERSIONS = {
    "minio": {
        "RELEASE.2025-09-07T16-13-09Z": "v0.0.0-20250907161309-07c3a429bfed",
        "RELEASE.2025-10-15T17-29-55Z": "v0.0.0-20251015172955-9e49d5e7a648",
    },
    "mc": {"RELEASE.2025-08-13T08-35-41Z": "v0.0.0-20250813083541-7394ce0dd2a8"},
}
# Versions that Go's checksum database does not know everywhere: what was fetched in November 2026.
SUMS = {
    "v0.0.0-20250813083541-7394ce0dd2a8": Sums(
        "h1:9tuRE4iEaDkuxatxe7pddYYh1SX5mT0/D0haofZFeTY=", "h1:agCKg3UT5wU3auhPL2lZbOWlqqT2RokeAT7Xc+HK3cU="
    )
}
RELEASE = re.compile(r"RELEASE\.(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$")
PSEUDO = re.compile(r"v0\.0\.0-(\d{14})-([0-9a-f]{12})$")


def go_version(program: str, release: str) -> str:
    """What to ask Go for. A release outside the table is asked for by its tag."""
    return VERSIONS[program].get(release, release)


def stamps(program: str, release: str) -> dict[str, str]:
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
            f"image {program}: {release!r} is no release: write build:RELEASE.YYYY-MM-DDTHH-MM-SSZ "
            "or build:v0.0.0-TIME-COMMIT"
        )
    named = PSEUDO.match(go_version(program, release))
    commit = named[2] if named else tag
    values = {
        "ReleaseTag": tag,
        "Version": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "CommitID": commit,
        "ShortCommitID": commit,
        "CopyrightYear": str(moment.year),
    }
    return {f"{MODULES[program]}/cmd.{name}": value for name, value in values.items()}
