"""model.tar.gz of k-means: its format, and the errors of invalid artefacts."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest

from harness.aws_mock.artefact import FILE, ArtefactError, pack, unpack

CENTROIDS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7


def create_archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.replace("__", "-"))
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def read_content(artefact: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(artefact)) as tar:
        member = tar.extractfile("model_algo-1")
        assert member is not None
        return member.read()


def read_as_mxnet_does(data: bytes) -> list[np.ndarray]:
    """Read the fields as NDArray::Load of MXNet does (apache/mxnet, src/ndarray/ndarray.cc)."""
    stream = io.BytesIO(data)

    def read(form: str) -> int:
        (value,) = struct.unpack("<" + form, stream.read(struct.calcsize("<" + form)))
        return int(value)

    assert (read("Q"), read("Q")) == (0x112, 0)
    arrays = []
    for _ in range(read("Q")):
        assert read("I") == 0xF993FAC9
        assert read("i") == 0  # Dense.
        shape = [read("q") for _ in range(read("I"))]
        device, number, kind = read("i"), read("i"), read("i")
        assert (device, number, kind) == (1, 0, 0)  # CPU 0, float32.
        arrays.append(np.frombuffer(stream.read(4 * int(np.prod(shape))), dtype="<f4").reshape(shape))
    # Without names mx.nd.load gives a list, as in https://github.com/aws/sagemaker-python-sdk/issues/1164.
    assert read("Q") == 0
    assert stream.read() == b""
    return arrays


def test_the_content_is_an_mxnet_list_of_the_centroids() -> None:
    (array,) = read_as_mxnet_does(read_content(pack(CENTROIDS)))
    assert array.tolist() == CENTROIDS.tolist()


def test_the_file_is_named_like_sagemakers() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(CENTROIDS)), mode="r:gz") as tar:
        (member,) = tar.getmembers()
    assert (member.name, member.isreg(), member.mode) == ("model_algo-1", True, 0o644)


def test_equal_centroids_give_equal_bytes() -> None:
    once = pack(CENTROIDS)
    assert pack(CENTROIDS.copy()) == once
    assert pack(np.asfortranarray(CENTROIDS)) == once
    assert pack(CENTROIDS.astype(">f4")) == once
    assert pack(CENTROIDS.astype(np.float64)) == once  # type: ignore[arg-type]
    assert struct.unpack_from("<I", once, 4) == (0,), "gzip's timestamp"
    with tarfile.open(fileobj=io.BytesIO(once)) as tar:
        (member,) = tar.getmembers()
    assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")


@pytest.mark.parametrize("shape", [(1, 1), (10, 784), (2, 3)])
def test_unpack_reverses_pack(shape: tuple[int, int]) -> None:
    centroids = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    assert unpack(pack(centroids)).tolist() == centroids.tolist()


def test_a_named_array_on_a_gpu_is_read() -> None:
    """MXNet saves such a model from a dictionary, or after training on a GPU."""
    data = read_content(pack(CENTROIDS))
    name = struct.pack("<QQ", 1, 5) + b"means"
    on_gpu = data[:52] + struct.pack("<ii", 2, 1) + data[60:-8] + name
    assert unpack(create_archive(model_algo__1=on_gpu)).tolist() == CENTROIDS.tolist()


DATA = read_content(pack(CENTROIDS))


def change(place: int, form: str, value: int) -> bytes:
    size = struct.calcsize("<" + form)
    return create_archive(model_algo__1=DATA[:place] + struct.pack("<" + form, value) + DATA[place + size :])


@pytest.mark.parametrize(
    ("artefact", "reason"),
    [
        (b"", "not a model.tar.gz"),
        (b"pickle", "not a model.tar.gz"),
        (gzip.compress(b"not a tar"), "not a model.tar.gz"),
        (create_archive(model=DATA), "model_algo-1"),
        (pack(CENTROIDS)[:90], "not a model.tar.gz"),
        (create_archive(model_algo__1=b""), "not a model.tar.gz"),
        (create_archive(model_algo__1=DATA[:63]), "not a model.tar.gz"),
        (create_archive(model_algo__1=DATA[:100]), "cut off"),
        (change(0, "Q", 0x113), "not one dense matrix"),
        (change(16, "Q", 2), "not one dense matrix"),
        (change(24, "I", 0xF993FAC8), "not one dense matrix"),
        (change(28, "i", 1), "not one dense matrix"),
        (change(32, "i", 1), "not one dense matrix"),
        (change(60, "i", 1), "not one dense matrix"),
        (change(36, "q", 4), "cut off"),
        (change(36, "q", 0), "cut off"),
        (change(36, "q", -3), "cut off"),
        (change(36, "q", 2**62), "cut off"),
    ],
)
def test_an_invalid_artefact_is_an_error(artefact: bytes, reason: str) -> None:
    with pytest.raises(ArtefactError) as caught:
        unpack(artefact)
    assert reason in str(caught.value)


def test_a_folder_instead_of_the_file_is_an_error() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo(FILE)
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    with pytest.raises(ArtefactError):
        unpack(archive.getvalue())


def test_a_changed_byte_never_raises_another_exception() -> None:
    """Replaces every byte in turn: unpack returns centroids or raises ArtefactError."""
    whole = pack(CENTROIDS)
    errors = 0
    for place in range(len(whole)):
        for value in (0, 0xFF, whole[place] ^ 1, whole[place] ^ 0x10):
            try:
                unpack(whole[:place] + bytes([value]) + whole[place + 1 :])
            except ArtefactError:
                errors += 1
    assert errors > len(whole)
