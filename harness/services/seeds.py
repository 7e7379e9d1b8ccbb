"""Seed objects: files that are in the buckets when a scenario starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from minio import Minio

from harness.errors import SettingsError
from harness.services.stack import Stack
from harness.settings import Settings


def find_seeds(root: Path, objects: Mapping[str, Path]) -> dict[tuple[str, str], Path]:
    """Map bucket and key of each declared object to its file, of a folder all files below it.

    Raises SettingsError if there is no such file or folder.
    """
    return {place: file for name, path in objects.items() for place, file in _find_files(name, path, root)}


def put_seeds(stack: Stack, settings: Settings) -> None:
    """Put the declared objects into a reset stack. Raises SettingsError."""
    _put(stack.minio.client(), find_seeds(settings.root, settings.objects))
    aws = stack.aws.anonymous_s3()
    for bucket in dict.fromkeys(settings.aws_buckets):
        aws.make_bucket(bucket)
    _put(aws, find_seeds(settings.root, settings.aws_objects))


def _find_files(name: str, path: Path, root: Path) -> Iterator[tuple[tuple[str, str], Path]]:
    bucket, _, key = name.partition("/")
    source = root / path
    if source.is_dir():
        for file in sorted(file for file in source.rglob("*") if file.is_file()):
            yield (bucket, "/".join(filter(None, (key, file.relative_to(source).as_posix())))), file
    elif not source.is_file():
        raise SettingsError(f"object {name!r}: there is no file or folder {path}: correct its name in pyproject")
    elif not key:
        raise SettingsError(f"object {name!r}: {path} is a file: write {f'{name}/{path.name}'!r}, or name a folder")
    else:
        yield (bucket, key), source


def _put(client: Minio, seeds: Mapping[tuple[str, str], Path]) -> None:
    for (bucket, key), file in seeds.items():
        client.fput_object(bucket, key, str(file))
