"""The embedded stack of one slot of a session: started side by side, or taken over as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from harness.services.embedded.aws_mock import AwsProcess, MockAsMinio
from harness.services.embedded.minio import MinioProcess
from harness.services.embedded.postgres import attached_server, start_server
from harness.services.embedded.processes import SupervisorClient, end_kept, kept_stacks, lives, session_of
from harness.services.embedded.relay import NoRelay
from harness.services.minio import MinioService
from harness.services.postgres import PostgresService
from harness.services.session import ServiceSession
from harness.services.stack import Stack, await_all, source_of_services, timed
from harness.settings import Settings

NOTE = "embedded-"
NO_MINIO = "the embedded stack found no `minio` program on the PATH: the AWS mock's S3 stood in for MinIO"
NO_IMAGES = "the embedded stack has no images: what the settings say of them was not used"


@contextmanager
def embedded_stack(session: ServiceSession, settings: Settings, databases: Mapping[str, str]) -> Iterator[Stack]:
    """Claims a slot of the session and yields its embedded Stack: the one that is there, if it fits, else a new one.

    `databases` as in stack_in_session(). A kept one stays, any other ends here, or with this process.
    Raises ServiceError.
    """
    with session.slot() as slot:
        note = session.note(f"{NOTE}{slot}")
        keeping, stack = _attached(session, settings, databases, note) or _made(
            session, slot, settings, databases, note
        )
        try:
            yield stack
        finally:
            stack.postgres.close()
            keeping.release()


def end_embedded(session: ServiceSession) -> int:
    """Ends what of embedded stacks was kept, and says how many there were. Raises ServiceError."""
    ended = [end_kept(folder) for folder in kept_folders(session)]
    for file in session.folder.glob(f"{NOTE}*.json"):
        file.unlink()
    return sum(ended)


def kept_folders(session: ServiceSession) -> list[Path]:
    """Return the folders of the session's kept stacks.

    Its notes name them by slot; TMPDIR may have put them elsewhere. If notes are lost, the folders that lie where this
    process would create them count as well.
    """
    notes = (session.note(file.stem) or {} for file in sorted(session.folder.glob(f"{NOTE}*.json")))
    named = [Path(note["folder"]) for note in notes if "folder" in note]
    return [folder for folder in dict.fromkeys([*named, *dict(kept_stacks())]) if session_of(folder) == session.folder]


def _attached(
    session: ServiceSession, settings: Settings, databases: Mapping[str, str], note: Mapping[str, Any] | None
) -> tuple[SupervisorClient, Stack] | None:
    """The stack that the slot's last process left, ready and clean; None where there is none that will do."""
    if note is None or note.get("fits") != _fingerprint(settings, databases) or not lives(Path(note["folder"])):
        return None
    keeping = SupervisorClient(Path(note["folder"]))
    minio, postgres, aws, relay = services = _services(keeping, settings, databases, note)
    with ThreadPoolExecutor() as pool:
        jobs = {s.name: pool.submit(timed, partial(s.attach, {}, note["services"][s.name])) for s in services}
    if any(job.exception() for job in jobs.values()):
        return None
    return keeping, _stack(session, settings, minio, postgres, aws, relay, jobs)


def _made(
    session: ServiceSession, slot: int, settings: Settings, databases: Mapping[str, str], old: Mapping[str, Any] | None
) -> tuple[SupervisorClient, Stack]:
    """A new stack, in place of what there may be. Raises ServiceError."""
    if old and "folder" in old:
        end_kept(Path(old["folder"]))
    session.drop_note(f"{NOTE}{slot}")
    keeping = SupervisorClient.begin(session.folder if session.kept else None)
    try:
        minio, postgres, aws, relay = services = _services(keeping, settings, databases, None)
        with ThreadPoolExecutor() as pool:
            jobs = {service.name: pool.submit(timed, service.start) for service in services}
        await_all(jobs)
        stack = _stack(session, settings, minio, postgres, aws, relay, jobs)
        if session.kept:
            told = {"fits": _fingerprint(settings, databases), "folder": str(keeping.folder)}
            noted = {service.name: service.note() for service in services}
            session.write_note(f"{NOTE}{slot}", {**told, "services": noted})
    except BaseException:
        keeping.abandon()
        raise
    return keeping, stack


def _services(
    keeping: SupervisorClient, settings: Settings, databases: Mapping[str, str], note: Mapping[str, Any] | None
) -> tuple[MinioService, PostgresService, AwsProcess, NoRelay]:
    timeout = settings.start_timeout
    program = shutil.which("minio")
    minio = MinioProcess(program, keeping, settings) if program else MockAsMinio(keeping, settings)
    if note is None:
        server = partial(start_server, keeping, timeout, settings.postgres_port)
    else:
        kept = note["services"]["postgres"]
        server = partial(attached_server, keeping.folder, kept["port"], kept["superuser"])
    # One server for each stack, so that its databases have their declared names whatever the slot.
    postgres = PostgresService(server, databases, 0, settings.postgres_passwords)
    return minio, postgres, AwsProcess(keeping, settings), NoRelay()


def _stack(
    session: ServiceSession,
    settings: Settings,
    minio: MinioService,
    postgres: PostgresService,
    aws: AwsProcess,
    relay: NoRelay,
    jobs: Mapping[str, Future[float]],
) -> Stack:
    seconds = {name: job.result() for name, job in jobs.items()}
    remarks = [NO_MINIO] if isinstance(minio, MockAsMinio) else []
    if settings.image_overrides:
        remarks.append(f"{NO_IMAGES} ({', '.join(settings.image_overrides)})")
    return Stack("embedded", session.ident, "", "", minio, postgres, aws, relay, {}, seconds, tuple(remarks))


def _fingerprint(settings: Settings, databases: Mapping[str, str]) -> str:
    """What a stack has to have in common with this process to be taken over."""
    parts = (dict(databases), settings.fixed, shutil.which("minio"), source_of_services())
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
