"""Read the evidence of a side from folders and archives, as untrusted input.

An archive is never unpacked to a disk, and links are refused. The folder itself and each folder below it that holds
documents is the evidence of one pytest session: a shard, if there are several.
"""

from __future__ import annotations

import math
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from harness.compare.model import Data, Difference, Section, SideSummary, UpgradeDocument
from harness.errors import NotComparableError
from harness.evidence.document import (
    FOLDER_FILE,
    SCHEMA_VERSION,
    SESSION_FILE,
    FolderDocument,
    ScenarioDocument,
    SessionDocument,
    Versions,
)

UNSTABLE_FILE: Final = "unstable.json"
UPGRADE_FILE: Final = "upgrade.json"
DOCUMENT_BYTES, SIDE_BYTES, MEMBERS = 64 * 1024**2, 1024**3, 100_000
"""Limits of one document, of all documents of a side, and of the members of an archive."""
RATIO, ALWAYS_BYTES = 200, 16 * 1024**2
"""How often its size an archive may unpack to. Evidence reaches 20, and a few MiB of equal rows several hundred."""
LARGE_EXPONENT: Final = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
AnyDocument = SessionDocument | FolderDocument | ScenarioDocument | UpgradeDocument
KINDS: Final[dict[str, type[AnyDocument]]] = {
    "session": SessionDocument,
    "dags folder": FolderDocument,
    "scenario": ScenarioDocument,
    "upgrade": UpgradeDocument,
}
KINDS_BY_NAME: Final = {SESSION_FILE: "session", FOLDER_FILE: "dags folder", UPGRADE_FILE: "upgrade"}
Item = TypeVar("Item", bound=Data)


@dataclass(frozen=True)
class Side:
    """The evidence of a side, of all its shards.

    `without_evidence`: scenarios that a session collected and that left no document. `folder` is None if no session
    wrote the DAGs of its dags folder. `folders` are the given paths that are folders. `sections` and `differences` are
    those of the upgrade check whose candidate this side is.
    """

    label: str
    sessions: tuple[SessionDocument, ...]
    folder: FolderDocument | None
    scenarios: Mapping[str, ScenarioDocument]
    without_evidence: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    sections: tuple[Section, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def versions(self) -> Versions:
        first = self.sessions[0].versions
        images = {name: image for one in self.sessions for name, image in one.versions.images.items()}
        servers = {name: version for one in self.sessions for name, version in one.versions.servers.items()}
        return first.model_copy(update={"images": images, "servers": servers})

    def summary(self) -> SideSummary:
        return SideSummary(
            label=self.label, versions=self.versions, scenarios=len(self.scenarios), shards=len(self.sessions)
        )


@dataclass
class _Session:
    """The documents of one folder."""

    name: str
    session: SessionDocument | None = None
    folder: FolderDocument | None = None
    upgrade: UpgradeDocument | None = None
    scenarios: list[ScenarioDocument] = field(default_factory=list)


def read_side(paths: Sequence[Path], every_shard: bool = True) -> Side:
    """Return the evidence of a side.

    `every_shard`: refuse a side of which a shard is missing. Raises NotComparableError, one line with the file and what
    to do.
    """
    sessions = list(_read_sessions(paths))
    label = ", ".join(map(str, paths))
    if not sessions:
        raise NotComparableError(f"{label} holds no evidence: write it with `pytest --harness-evidence DIR`")
    documents: dict[str, ScenarioDocument] = {}
    for session in sessions:
        for scenario in session.scenarios:
            if scenario.scenario in documents:
                raise NotComparableError(
                    f"{label}: scenario {scenario.scenario!r} is there twice, the second time in {session.name}: "
                    "give each folder of the side once"
                )
            documents[scenario.scenario] = scenario
    known = tuple(_session_of(session) for session in sessions)
    if every_shard:
        _check_shards(label, known)
    collected = sorted({name for session in known for name in session.scenarios} - documents.keys())
    folders = [session.folder for session in sessions if session.folder is not None]
    upgrades = [session.upgrade for session in sessions if session.upgrade is not None]
    return Side(
        label,
        known,
        _merge(folders),
        dict(sorted(documents.items())),
        tuple(collected),
        folders=tuple(path for path in paths if path.is_dir()),
        sections=_drop_equal(section for one in upgrades for section in one.sections),
        differences=_drop_equal(difference for one in upgrades for difference in one.differences),
    )


def _drop_equal(found: Iterable[Item]) -> tuple[Item, ...]:
    return tuple({one.model_dump_json(): one for one in found}.values())


def _session_of(session: _Session) -> SessionDocument:
    if session.session is None:
        raise NotComparableError(
            f"{session.name} has no {SESSION_FILE}, so its pytest session did not end, or files are missing: "
            "write the evidence again"
        )
    return session.session


def _check_shards(label: str, sessions: Sequence[SessionDocument]) -> None:
    shards = [session.shard for session in sessions]
    numbered = [shard for shard in shards if shard is not None]
    if not numbered:
        return
    total = numbered[0].total
    if len(numbered) < len(shards) or any(shard.total != total or shard.number > total for shard in numbered):
        raise NotComparableError(f"{label} mixes shards of different sessions: give the folders of one session")
    numbers = [shard.number for shard in numbered]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice:
        raise NotComparableError(f"{label}: shard {twice} of {total} is there twice: give each folder once")
    missing = ", ".join(str(number) for number in range(1, total + 1) if number not in numbers)
    if missing:
        raise NotComparableError(f"{label}: shard {missing} of {total} is missing: run it, or add its folder")
    known: dict[str, object] = {}
    for session in sessions:
        for what, version in _list_versions(session.versions).items():
            if known.setdefault(what, version) != version:
                raise NotComparableError(
                    f"{label}: its shards ran with different versions of {what}: run all of them again"
                )


def _list_versions(versions: Versions) -> dict[str, object]:
    """Return the versions that must not differ between shards, by name.

    One machine may pull an image that another builds, so references and digests may differ.
    """
    always = {what: getattr(versions, what) for what in ("airflow", "python", "packages")}
    images = {f"image {name}": image.version or image.reference for name, image in versions.images.items()}
    return {**always, **versions.servers, **images}


def _merge(folders: Sequence[FolderDocument]) -> FolderDocument | None:
    if not folders:
        return None
    parts = ("schedules", "tasks", "files", "import_errors")
    merged = {part: {name: value for one in folders for name, value in getattr(one, part).items()} for part in parts}
    incomplete = tuple(dict.fromkeys(reason for one in folders for reason in one.incomplete))
    warnings = tuple(dict.fromkeys(one for each in folders for one in each.warnings))
    return folders[0].model_copy(update={**merged, "warnings": warnings, "incomplete": incomplete})


def _read_sessions(paths: Iterable[Path]) -> Iterator[_Session]:
    before = 0
    for path in paths:
        sessions: dict[PurePosixPath, _Session] = {}
        size = 0
        for member, content in _list_documents(path):
            size += len(content)
            _check_size(path, size, before)
            _add(sessions.setdefault(member.parent, _Session(str(path / member.parent))), path / member, content)
        before += size
        yield from (sessions[name] for name in sorted(sessions))


def _check_size(path: Path, size: int, before: int) -> None:
    """Refuse documents that are too large to parse, `size` bytes of `path` and those `before` it."""
    if before + size > SIDE_BYTES:
        raise NotComparableError(
            f"{path} brings the side to more than {SIDE_BYTES // 1024**3} GiB of evidence: compare parts of it"
        )
    if path.is_file() and size > max(ALWAYS_BYTES, RATIO * path.stat().st_size):
        raise NotComparableError(
            f"{path} unpacks to more than {RATIO} times its size: unpack it and name its folder, if you trust it"
        )


def _add(session: _Session, file: Path, content: bytes) -> None:
    document = _parse(str(file), content)
    if isinstance(document, ScenarioDocument):
        session.scenarios.append(document)
    elif isinstance(document, SessionDocument):
        session.session = document
    elif isinstance(document, UpgradeDocument):
        session.upgrade = document
    else:
        session.folder = document


def _list_documents(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the JSON documents below `path` by their relative names."""
    try:
        if path.is_dir():
            yield from _list_folder(path)
        elif path.exists() and not path.is_file():
            raise NotComparableError(
                f"{path} is no folder and no regular file: name a folder or an archive of evidence"
            )
        elif zipfile.is_zipfile(path):
            yield from _list_zip(path)
        elif path.name.endswith((".tar.gz", ".tgz")):
            yield from _list_tar(path)
        elif path.exists():
            raise NotComparableError(f"{path} is no folder, .zip or .tar.gz of evidence: name one")
        else:
            raise NotComparableError(f"{path} does not exist: name a folder or an archive of evidence")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise NotComparableError(
            f"{path} is damaged or not readable as an archive ({error}): write it again"
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise NotComparableError(f"{path} can't be read ({why}): name a folder or an archive of evidence") from error


def _list_folder(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for parent_name, folders, files in os.walk(folder, onerror=_raise):
        parent = Path(parent_name)
        folders.sort()
        for name in (*folders, *files):
            _check_printable(folder, name)
            if (parent / name).is_symlink():
                raise NotComparableError(
                    f"{parent / name} is a link: evidence consists of files, so replace or remove it"
                )
        for name in sorted(files):
            if not _is_document(name):
                continue
            if not stat.S_ISREG((parent / name).stat().st_mode):
                raise NotComparableError(f"{parent / name} is no regular file: remove it")
            with (parent / name).open("rb") as file:
                yield PurePosixPath((parent / name).relative_to(folder)), _read(file, parent / name)


def _raise(error: OSError) -> None:
    raise error


def _list_zip(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_count(path, len(members))
        for info in members:
            member = _check_member(path, info.filename)
            if stat.S_ISLNK(info.external_attr >> 16):
                raise NotComparableError(f"{path}: {info.filename!r} is a link: pack the evidence without links")
            if not info.is_dir() and _is_document(member.name):
                with archive.open(info) as file:
                    yield member, _read(file, path / member)


def _list_tar(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    size = 0
    with tarfile.open(path, "r|gz") as archive:
        for number, info in enumerate(archive, start=1):
            _check_count(path, number)
            size += info.size
            if size > SIDE_BYTES:
                raise NotComparableError(
                    f"{path} unpacks to more than {SIDE_BYTES // 1024**3} GiB: pack the evidence alone"
                )
            member = _check_member(path, info.name)
            if not info.isfile() and not info.isdir():
                raise NotComparableError(f"{path}: {info.name!r} is a link or device: pack the evidence without it")
            file = archive.extractfile(info) if info.isfile() and _is_document(member.name) else None
            if file is not None:
                yield member, _read(file, path / member)
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps each member that it has read


def _check_count(path: Path, members: int) -> None:
    if members > MEMBERS:
        raise NotComparableError(f"{path} has more than {MEMBERS} members: pack the evidence alone")


def _check_printable(path: Path, name: str) -> None:
    if not name.isprintable():
        raise NotComparableError(f"{path}: name {name!r} has control characters: rename or remove that file")


def _check_member(path: Path, name: str) -> PurePosixPath:
    _check_printable(path, name)
    member = PurePosixPath(name)
    if member.is_absolute() or ".." in member.parts or "\\" in name:
        raise NotComparableError(
            f"{path}: member {name!r} leads out of the archive: pack the folder of evidence itself"
        )
    return member


def _is_document(name: str) -> bool:
    return name.endswith(".json") and name != UNSTABLE_FILE and not name.startswith(".")


def _read(file: IO[bytes], name: Path) -> bytes:
    content = file.read(DOCUMENT_BYTES + 1)
    if len(content) > DOCUMENT_BYTES:
        raise NotComparableError(
            f"{name} is larger than {DOCUMENT_BYTES // 1024**2} MiB: let its scenario write less, or remove the file"
        )
    return content


def parse_json(name: str, content: bytes) -> Any:
    """Return the JSON value of `content`.

    Raises NotComparableError for invalid JSON, infinite numbers and deep nesting.
    """
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise NotComparableError(f"{name} is truncated or no JSON ({error}): write the evidence again") from error
    if LARGE_EXPONENT.search(content) and _has_infinity(value):
        raise NotComparableError(f"{name} has a number that is too large: write the evidence again")
    return value


def _has_infinity(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    if isinstance(value, list):
        return any(map(_has_infinity, value))
    return isinstance(value, float) and math.isinf(value)


def _parse(name: str, content: bytes) -> AnyDocument:
    value = parse_json(name, content)
    kind, schema = (value.get("kind"), value.get("schema_version")) if isinstance(value, dict) else (None, None)
    if schema != SCHEMA_VERSION or isinstance(schema, bool):
        given = "no schema_version" if schema is None else f"schema {str(schema)[:20]}"
        raise NotComparableError(
            f"{name} has {given}, and this release reads schema {SCHEMA_VERSION}: write the evidence again with it"
        )
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise NotComparableError(f"{name} is of kind {str(kind)[:40]!r}, not evidence: remove it from the folder")
    if kind != KINDS_BY_NAME.get(PurePosixPath(name).name, "scenario"):
        raise NotComparableError(f"{name} is of kind {kind!r}, which its name does not say: restore the file's name")
    try:
        return model.model_validate(value)
    except (ValidationError, RecursionError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "nested too deeply"}
        where = ".".join(map(str, first["loc"]))[:100]
        raise NotComparableError(f"{name}: field {where!r}: {first['msg']}: write the evidence again") from error
