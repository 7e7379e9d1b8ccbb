"""Map MinIO's releases to Go versions and linker variables.

The programs are `minio` (server) and `mc` (client).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from harness.errors import ImageError
from harness.images.go import Checksums

MODULES = {"minio": "github.com/minio/minio", "mc": "github.com/minio/mc"}
# MinIO's tags are not semantic versions. `go` needs access to the repository to turn them into pseudo-versions (commit
# time and the first 12 digits of the commit). A module proxy may know the pseudo-versions only.
VERSIONS = {
    "minio": {
        "RELEASE.2025-09-07T16-13-09Z": "v0.0.0-20250907161309-07c3a429bfed",
        "RELEASE.2025-10-15T17-29-55Z": "v0.0.0-20251015172955-9e49d5e7a648",
    },
    "mc": {"RELEASE.2025-08-13T08-35-41Z": "v0.0.0-20250813083541-7394ce0dd2a8"},
}
# Versions that some mirrors of Go's checksum database lack. The checksums were recorded in November 2026.
CHECKSUMS = {
    "v0.0.0-20250813083541-7394ce0dd2a8": Checksums(
        "h1:9tuRE4iEaDkuxatxe7pddYYh1SX5mT0/D0haofZFeTY=", "h1:agCKg3UT5wU3auhPL2lZbOWlqqT2RokeAT7Xc+HK3cU="
    )
}
RELEASE = re.compile(r"RELEASE\.(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$")
PSEUDO = re.compile(r"v0\.0\.0-(\d{14})-([0-9a-f]{12})$")


def go_version(program: str, release: str) -> str:
    """Return the version to request from Go.

    A release in VERSIONS has a pseudo-version; for others it is the release's tag.
    """
    return VERSIONS[program].get(release, release)


def linker_variables(program: str, release: str) -> dict[str, str]:
    """Return the variables that make the program report its release, by full name.

    `release` is a tag `RELEASE.2025-09-07T16-13-09Z` or a commit `v0.0.0-TIME-COMMIT`. Raises ImageError otherwise.
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
            f"image {program}: {release!r} is not a release: write build:RELEASE.YYYY-MM-DDTHH-MM-SSZ "
            "or build:v0.0.0-TIME-COMMIT"
        )
    known = PSEUDO.match(go_version(program, release))
    commit = known[2] if known else tag
    values = {
        "ReleaseTag": tag,
        "Version": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "CommitID": commit,
        "ShortCommitID": commit,
        "CopyrightYear": str(moment.year),
    }
    return {f"{MODULES[program]}/cmd.{name}": value for name, value in values.items()}
