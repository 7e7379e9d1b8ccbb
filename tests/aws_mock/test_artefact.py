"""model.tar.gz: what AWS's users read out of it, and what is refused."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest

from harness.aws_twin.artefact import FILE, ArtefactError, packed, unpacked

CENTROIDS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7


def archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.replace("__", "-"))
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def content(artefact: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(artefact)) as tar:
        member = tar.extractfile("model_algo-1")
        assert member is not None
        return member.read()


def read_as_mxnet_does(data: bytes) -> list[np.ndarray]:
    """After NDArray::Load of MXNet (apache/mxnet, src/ndarray/ndarray.cc): one field after the other, each as wide."""
    stream = io.BytesIO(data)

    def one(form: str) -> int:
        (value,) = struct.unpack("<" + form, stream.read(struct.calcsize("<" + form)))
        return int(value)

    assert (one("Q"), one("Q")) == (0x112, 0)
    arrays = []
    for _ in range(one("Q")):
        assert one("I") == 0xF993FAC9
        assert one("i") == 0  # dense
        shape = [one("q") for _ in range(one("I"))]
        device, number, kind = one("i"), one("i"), one("i")
        assert (device, number, kind) == (1, 0, 0)  # CPU 0, float32
        arrays.append(np.frombuffer(stream.read(4 * int(np.prod(shape))), dtype="<f4").reshape(shape))
    assert (
        one("Q") == 0
    )  # no names: mx.nd.load gives a list, as https://github.com/aws/sagemaker-python-sdk/issues/1164
    assert stream.read() == b""
    return arrays


def test_an_mxnet_list_of_the_centroids() -> None:
    (array,) = read_as_mxnet_does(content(packed(CENTROIDS)))
    assert array.tolist() == CENTROIDS.tolist()


def test_the_file_has_the_name_of_sagemakers() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(CENTROIDS)), mode="r:gz") as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.isreg(), member.mode) == ("model_algo-1", True, 0o644)


def test_the_same_bytes_for_the_same_centroids() -> None:
    once = packed(CENTROIDS)
    assert packed(CENTROIDS.copy()) == once
    assert packed(np.asfortranarray(CENTROIDS)) == once
    assert packed(CENTROIDS.astype(">f4")) == once
    assert packed(CENTROIDS.astype(np.float64)) == once  # type: ignore[arg-type]
    assert struct.unpack_from("<I", once, 4) == (0,), "gzip's own time"
    with tarfile.open(fileobj=io.BytesIO(once)) as tar:
        (member,) = tar.getmembers()
    assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")


@pytest.mark.parametrize("shape", [(1, 1), (10, 784), (2, 3)])
def test_there_and_back(shape: tuple[int, int]) -> None:
    centroids = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    assert unpacked(packed(centroids)).tolist() == centroids.tolist()


def test_what_mxnet_adds_to_a_named_array_is_no_hindrance() -> None:
    """A model of the user's own, saved as a dictionary or trained on a GPU."""
    data = content(packed(CENTROIDS))
    name = struct.pack("<QQ", 1, 5) + b"means"
    on_gpu = data[:52] + struct.pack("<ii", 2, 1) + data[60:-8] + name
    assert unpacked(archive(model_algo__1=on_gpu)).tolist() == CENTROIDS.tolist()


DATA = content(packed(CENTROIDS))


def changed(place: int, form: str, value: int) -> bytes:
    size = struct.calcsize("<" + form)
    return archive(model_algo__1=DATA[:place] + struct.pack("<" + form, value) + DATA[place + size :])


@pytest.mark.parametrize(
    ("artefact", "reason"),
    [
        (b"", "no model.tar.gz"),
        (b"pickle", "no model.tar.gz"),
        (gzip.compress(b"not a tar"), "no model.tar.gz"),
        (archive(model=DATA), "model_algo-1"),
        (packed(CENTROIDS)[:90], "no model.tar.gz"),
        (archive(model_algo__1=b""), "no model.tar.gz"),
        (archive(model_algo__1=DATA[:63]), "no model.tar.gz"),
        (archive(model_algo__1=DATA[:100]), "cut off"),
        (changed(0, "Q", 0x113), "not one dense matrix"),
        (changed(16, "Q", 2), "not one dense matrix"),
        (changed(24, "I", 0xF993FAC8), "not one dense matrix"),
        (changed(28, "i", 1), "not one dense matrix"),
        (changed(32, "i", 1), "not one dense matrix"),
        (changed(60, "i", 1), "not one dense matrix"),
        (changed(36, "q", 4), "cut off"),
        (changed(36, "q", 0), "cut off"),
        (changed(36, "q", -3), "cut off"),
        (changed(36, "q", 2**62), "cut off"),
    ],
)
def test_refused(artefact: bytes, reason: str) -> None:
    with pytest.raises(ArtefactError) as refusal:
        unpacked(artefact)
    assert reason in str(refusal.value)


def test_a_folder_in_its_place_is_refused() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo(FILE)
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    with pytest.raises(ArtefactError):
        unpacked(made.getvalue())


def test_no_byte_can_break_the_reader() -> None:
    """Every byte replaced in turn: read or refused, never another exception."""
    whole = packed(CENTROIDS)
    refused = 0
    for place in range(len(whole)):
        for value in (0, 0xFF, whole[place] ^ 1, whole[place] ^ 0x10):
            try:
                unpacked(whole[:place] + bytes([value]) + whole[place + 1 :])
            except ArtefactError:
                refused += 1
    assert refused > len(whole)
