"""Evidence is read from folders and archives, and hostile or incomplete evidence is one line."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.compare.read import read_side
from harness.errors import NotComparableError
from harness.evidence.document import FolderDocument, Schedule
from tests.compare.builders import SCENARIO, evidence, run, scenario, versions, write

OTHER = "scenarios/test_other.py::test_other"
FILE = "scenarios-test_prices.py--test_prices.json"
LOST = {
    "scenario": "metadata database", "service": "airflow", "field": "metadata.content", "verdict": "changed",
    "fails": True, "message": "1 rows changed",
}  # fmt: skip
BROKEN = {**LOST, "verdict": "bad"}


def change(folder: Path, name: str = FILE, **changes: object) -> None:
    """Change fields of a document."""
    document = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**document, **changes}))


def replace(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / FILE).write_text((folder / FILE).read_text().replace(old, new, 1))


def write_upgrade(folder: Path, **changes: object) -> None:
    """Write what an upgrade check leaves beside the evidence."""
    (folder / "upgrade.json").write_text(json.dumps({"schema_version": 4, "kind": "upgrade", **changes}))


def make_fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe.json")


HOSTILE: dict[str, Callable[[Path], object]] = {
    "has schema 3": lambda folder: change(folder, schema_version=3),
    "has schema True": lambda folder: change(folder, schema_version=True),
    "has no schema_version": lambda folder: (folder / "a.json").write_text("[1]"),
    "is truncated or no JSON": lambda folder: (folder / FILE).write_bytes((folder / FILE).read_bytes()[:200]),
    "EOF while parsing": lambda folder: (folder / FILE).write_bytes(b""),
    "recursion limit": replace('"runs":[', '"runs":[' + "[" * 5000),
    "number out of range": replace('"exit_code":0', '"exit_code":' + "9" * 5000),
    "no JSON": replace('"exit_code":0', '"exit_code":NaN'),
    "number that is too large": replace('"exit_code":0', '"exit_code":1e999'),
    "invalid unicode": lambda folder: (folder / FILE).write_bytes(b'{"kind":"\xff"}'),
    "is of kind 'junit'": lambda folder: change(folder, kind="junit"),
    "not evidence: remove it": lambda folder: change(folder, kind=["scenario"]),
    "its name does not say": lambda folder: (folder / FILE).rename(folder / "dags-folder.json"),
    "field 'runs.0.state'": replace('"state":"success"', '"state":{"a":1}'),
    "field 'colour'": lambda folder: change(folder, colour="red"),
    "is a link": lambda folder: (folder / "a.json").symlink_to("/etc/passwd"),
    "link: evidence": lambda folder: (folder / "loop").symlink_to(folder),
    "is no regular file": make_fifo,
    "has control characters": lambda folder: (folder / "a\nb.json").write_text("{}"),
    "has no session.json": lambda folder: (folder / "session.json").unlink(),
    "is there twice": lambda folder: (folder / "copy.json").write_bytes((folder / FILE).read_bytes()),
    "upgrade.json has schema 5": lambda folder: write_upgrade(folder, schema_version=5),
    "upgrade.json is truncated": lambda folder: (folder / "upgrade.json").write_text('{"kind": "upgrade"'),
    "upgrade.json is of kind": lambda folder: (folder / FILE).rename(folder / "upgrade.json"),
    "upgrade.json: field 'differences.0.verdict'": lambda folder: write_upgrade(folder, differences=[BROKEN]),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_hostile_evidence_is_one_line(message: str, tmp_path: Path) -> None:
    folder = evidence(tmp_path / "side", scenario(run()))
    HOSTILE[message](folder)
    with pytest.raises(NotComparableError) as caught:
        read_side([folder])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def pack_zip(file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def gzip_tar(file: Path, content: bytes) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo("a.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file


def pack_tar(file: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"{}"[: member.size]))
    return file


def tar_link(name: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return link


@pytest.mark.parametrize("name", ["/etc/a.json", "../a.json", "a/../../b.json", "a\\b.json", "a\nb.json"])
def test_a_member_outside_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    for file in (pack_zip(tmp_path / "a.zip", **{name: b"{}"}), pack_tar(tmp_path / "a.tar.gz", tarfile.TarInfo(name))):
        with pytest.raises(NotComparableError, match=r"leads out of the archive|control characters"):
            read_side([file])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "a.zip"]


def test_links_and_devices_of_an_archive_are_refused(tmp_path: Path) -> None:
    device = tarfile.TarInfo("a.json")
    device.type = tarfile.CHRTYPE
    for number, member in enumerate((tar_link("a.json"), device)):
        with pytest.raises(NotComparableError, match="is a link or device"):
            read_side([pack_tar(tmp_path / f"{number}.tar.gz", member)])
    info = zipfile.ZipInfo("a.json")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(NotComparableError, match="is a link"):
        read_side([tmp_path / "a.zip"])


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.compare.read.DOCUMENT_BYTES", 10_000)
    bomb = pack_zip(tmp_path / "a.zip", **{"a.json": b" " * 1_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(NotComparableError, match="larger than"):
        read_side([bomb])
    monkeypatch.setattr("harness.compare.read.ALWAYS_BYTES", 1_000_000)
    monkeypatch.setattr("harness.compare.read.DOCUMENT_BYTES", 2_000_000)
    with pytest.raises(NotComparableError, match="EOF while parsing"):
        read_side([bomb])
    bomb = pack_zip(tmp_path / "a.zip", **{"a.json": b" " * 1_000_001})
    for packed in (bomb, gzip_tar(tmp_path / "b.tar.gz", b" " * 1_000_001)):
        with pytest.raises(NotComparableError, match="unpacks to more than 200 times its size: unpack it"):
            read_side([packed])
    monkeypatch.setattr("harness.compare.read.MEMBERS", 2)
    with pytest.raises(NotComparableError, match="more than 2 members"):
        read_side([pack_tar(tmp_path / "a.tar.gz", *map(tarfile.TarInfo, "abc"))])


def test_a_side_is_limited_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [evidence(tmp_path / name, scenario(run(), name=name)) for name in "ab"]
    size = sum(file.stat().st_size for folder in folders for file in folder.iterdir())
    monkeypatch.setattr("harness.compare.read.SIDE_BYTES", size)
    assert list(read_side(folders).scenarios) == ["a", "b"]
    monkeypatch.setattr("harness.compare.read.SIDE_BYTES", size - 1)
    with pytest.raises(NotComparableError, match="GiB of evidence"):
        read_side(folders)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_one_line(name: str, tmp_path: Path) -> None:
    folder = evidence(tmp_path / "side", scenario(run()))
    if name.endswith(".zip"):
        file = pack_zip(tmp_path / name, **{each.name: each.read_bytes() for each in folder.iterdir()})
        content = bytearray(file.read_bytes())
        content[60:90] = bytes(30)
    else:
        with tarfile.open(tmp_path / name, "w:gz") as archive:
            archive.add(folder, "side")
        content = bytearray((tmp_path / name).read_bytes()[:-200])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotComparableError, match=r"damaged|can't be read"):
        read_side([tmp_path / name])


def test_a_device_or_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    for path in (tmp_path / "pipe.zip", Path("/dev/zero")):
        with pytest.raises(NotComparableError, match="no regular file"):
            read_side([path])


def test_archives_give_the_same_side_as_their_folder(tmp_path: Path) -> None:
    folder = evidence(tmp_path / "side", scenario(run()))
    write(folder, {"notes.txt": "x", "unstable.json": "{}", ".hidden.json": "x"})
    packed = pack_zip(tmp_path / "a.zip", **{f"x/{each.name}": each.read_bytes() for each in folder.iterdir()})
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(folder, "side")
    sides = [read_side([path]) for path in (folder, packed, tmp_path / "a.tar.gz")]
    assert [one.scenarios for one in sides] == [sides[0].scenarios] * 3
    assert [one.folders for one in sides] == [(folder,), (), ()]


def test_shards_of_a_side_are_merged(tmp_path: Path) -> None:
    first, second = scenario(run()), scenario(run(), name=OTHER)
    evidence(tmp_path / "side/one", first, shard=(1, 2))
    evidence(tmp_path / "side/two", second, shard=(2, 2))
    schedules = {"a": Schedule(timetable="X")}
    write(tmp_path / "side/two", {"dags-folder.json": FolderDocument(schedules=schedules)})
    for paths in ([tmp_path / "side"], [tmp_path / "side/two", tmp_path / "side/one"]):
        merged = read_side(paths)
        assert list(merged.scenarios) == [OTHER, SCENARIO]
        assert merged.summary().shards == 2
        assert merged.folder is not None
        assert merged.folder.schedules == schedules


def test_what_an_upgrade_check_left_in_each_shard_is_merged(tmp_path: Path) -> None:
    one = evidence(tmp_path / "one", scenario(run()), shard=(1, 2))
    two = evidence(tmp_path / "two", scenario(run(), name=OTHER), shard=(2, 2))
    forecast, metadata = {"title": "Forecast"}, {"title": "Metadata"}
    write_upgrade(one, sections=[forecast, {**metadata, "note": "not done"}], differences=[LOST])
    write_upgrade(two, sections=[forecast, metadata], differences=[LOST, {**LOST, "message": "3 rows changed"}])
    side = read_side([one, two])
    assert [section.title for section in side.sections] == ["Forecast", "Metadata", "Metadata"]
    assert [found.message for found in side.differences] == ["1 rows changed", "3 rows changed"]


def test_shards_that_are_missing_or_do_not_belong_together(tmp_path: Path) -> None:
    first, second = scenario(run()), scenario(run(), name=OTHER)
    one = evidence(tmp_path / "one", first, shard=(1, 3))
    three = evidence(tmp_path / "three", second, shard=(3, 3))
    cases = {
        "shard 2 of 3 is missing": [one, three],
        "shard 1 of 3 is there twice": [one, evidence(tmp_path / "again", second, shard=(1, 3))],
        "mixes shards": [one, evidence(tmp_path / "whole", second)],
        "is there twice, the second time in": [one, evidence(tmp_path / "same", first, shard=(2, 3))],
    }
    for message, folders in cases.items():
        with pytest.raises(NotComparableError, match=message):
            read_side(folders)
    evidence(tmp_path / "one", first, shard=(1, 2))
    other = evidence(tmp_path / "two", second, shard=(2, 2), versions=versions(airflow="3.3.2"))
    with pytest.raises(NotComparableError, match="different versions of airflow"):
        read_side([one, other])


def test_shards_on_different_servers_or_images(tmp_path: Path) -> None:
    def image(version: str, reference: str) -> dict[str, str]:
        return {"reference": reference, "version": version, "digest": reference}

    first, second = scenario(run()), scenario(run(), name=OTHER)
    # One machine may pull an image that another builds.
    same = {"servers": {"postgres": "17", "minio": "2025"}, "images": {"minio": image("2025", "b")}}
    cases = {"minio": {"servers": {"minio": "2026"}}, "image minio": {"images": {"minio": image("2026", "a")}}}
    for message, changes in {"": same, **cases}.items():
        one = {"servers": {"minio": "2025"}, "images": {"minio": image("2025", "a"), "mc": image("1", "c")}}
        folders = [
            evidence(tmp_path / "one", first, shard=(1, 3), versions=versions()),
            evidence(tmp_path / "two", second, shard=(2, 3), versions=versions(**one)),
            evidence(tmp_path / "three", scenario(name="c"), shard=(3, 3), versions=versions(**changes)),
        ]
        if not message:
            assert read_side(folders).versions.servers == {"postgres": "17", "minio": "2025"}
            continue
        with pytest.raises(NotComparableError, match=f"shards ran with different versions of {message}: run all"):
            read_side(folders)


def test_scenarios_that_left_no_evidence(tmp_path: Path) -> None:
    folder = evidence(tmp_path / "side", scenario(run()), scenarios=(SCENARIO, OTHER))
    assert read_side([folder]).without_evidence == (OTHER,)


def test_no_evidence_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, message in (("empty", "holds no evidence"), ("none", "does not exist"), ("file", "is no folder")):
        with pytest.raises(NotComparableError, match=message):
            read_side([tmp_path / name])
