"""The embedded stack of one worker slot: started in parallel, or reused."""

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

from harness.images.on_demand import StackImages
from harness.services.embedded.aws_mock import AwsProcess, MockAsMinio
from harness.services.embedded.minio import MinioProcess
from harness.services.embedded.postgres import attach_server, start_server
from harness.services.embedded.processes import SupervisorClient, end_kept_stack, is_alive, list_kept_stacks, session_of
from harness.services.embedded.relay import NoRelay
from harness.services.minio import MinioService
from harness.services.postgres import PostgresService
from harness.services.session import ServiceSession
from harness.services.stack import Stack, await_all, hash_service_sources, measure
from harness.settings import Settings

STATE = "embedded-"
NO_MINIO = "the embedded stack found no `minio` program on the PATH: the S3 of an AWS mock replaced MinIO"
NO_IMAGES = "the embedded stack ignored the image settings"


@contextmanager
def embedded_stack(session: ServiceSession, settings: Settings, databases: Mapping[str, str]) -> Iterator[Stack]:
    """Claim a worker slot and yield its embedded stack, a new one unless the old one fits.

    `databases` is as for stack_in_session(). A kept or borrowed stack stays; any other ends with the block or this
    process. Raises ServiceError.
    """
    with session.claim_slot() as slot:
        state = session.read_state(f"{STATE}{slot}")
        attached = _attach(session, slot, settings, databases, state)
        supervisor, stack = attached or _create(session, slot, settings, databases, state)
        try:
            yield stack
        finally:
            stack.postgres.close()
            supervisor.release()


def end_embedded_stacks(session: ServiceSession) -> int:
    """End the kept embedded stacks and return how many there were. Raises ServiceError."""
    ended = [end_kept_stack(folder) for folder in list_kept_folders(session)]
    for file in session.folder.glob(f"{STATE}*.json"):
        file.unlink()
    return sum(ended)


def list_kept_folders(session: ServiceSession) -> list[Path]:
    """Return the folders of the session's kept stacks.

    The state files name them, even those of another TMPDIR. Others of this TMPDIR may have lost their state files.
    """
    states = (session.read_state(file.stem) or {} for file in sorted(session.folder.glob(f"{STATE}*.json")))
    named = [Path(state["folder"]) for state in states if "folder" in state]
    folders = dict.fromkeys([*named, *dict(list_kept_stacks())])
    return [folder for folder in folders if session_of(folder) == session.folder]


def _attach(
    session: ServiceSession,
    slot: int,
    settings: Settings,
    databases: Mapping[str, str],
    state: Mapping[str, Any] | None,
) -> tuple[SupervisorClient, Stack] | None:
    """Return the reset stack of the slot's last process, or None if it can't be reused."""
    if state is None or state.get("fits") != _fingerprint(settings, databases) or not is_alive(Path(state["folder"])):
        return None
    supervisor = SupervisorClient(Path(state["folder"]))
    minio, postgres, aws, relay = services = _create_services(supervisor, settings, databases, state)
    with ThreadPoolExecutor() as pool:
        jobs = {s.name: pool.submit(measure, partial(s.attach, {}, state["services"][s.name])) for s in services}
    if any(job.exception() for job in jobs.values()):
        return None
    return supervisor, _describe(session, slot, settings, minio, postgres, aws, relay, jobs)


def _create(
    session: ServiceSession, slot: int, settings: Settings, databases: Mapping[str, str], old: Mapping[str, Any] | None
) -> tuple[SupervisorClient, Stack]:
    """Return a new stack, after ending the old one of the slot. Raises ServiceError."""
    if old and "folder" in old:
        end_kept_stack(Path(old["folder"]))
    session.drop_state(f"{STATE}{slot}")
    supervisor = SupervisorClient.launch(
        session.folder if session.kept or session.borrowed else None, session.owner_file if session.borrowed else None
    )
    try:
        minio, postgres, aws, relay = services = _create_services(supervisor, settings, databases, None)
        with ThreadPoolExecutor() as pool:
            jobs = {service.name: pool.submit(measure, service.start) for service in services}
        await_all(jobs)
        stack = _describe(session, slot, settings, minio, postgres, aws, relay, jobs)
        if supervisor.kept:
            stack_state = {"fits": _fingerprint(settings, databases), "folder": str(supervisor.folder)}
            service_states = {service.name: service.export_state() for service in services}
            session.write_state(f"{STATE}{slot}", {**stack_state, "services": service_states})
    except BaseException:
        supervisor.abandon()
        raise
    return supervisor, stack


def _create_services(
    supervisor: SupervisorClient,
    settings: Settings,
    databases: Mapping[str, str],
    state: Mapping[str, Any] | None,
) -> tuple[MinioService, PostgresService, AwsProcess, NoRelay]:
    timeout = settings.start_timeout
    program = shutil.which("minio")
    minio = MinioProcess(program, supervisor, settings) if program else MockAsMinio(supervisor, settings)
    if state is None:
        server = partial(start_server, supervisor, timeout, settings.postgres_port)
    else:
        kept = state["services"]["postgres"]
        server = partial(attach_server, supervisor.folder, kept["port"], kept["superuser"])
    # Each stack has its own server, so its databases have their declared names in every slot.
    postgres = PostgresService(server, databases, 0, settings.postgres_passwords)
    return minio, postgres, AwsProcess(supervisor, settings), NoRelay()


def _describe(
    session: ServiceSession,
    slot: int,
    settings: Settings,
    minio: MinioService,
    postgres: PostgresService,
    aws: AwsProcess,
    relay: NoRelay,
    jobs: Mapping[str, Future[float]],
) -> Stack:
    seconds = {service.name: jobs[service.name].result() for service in (minio, postgres, aws)}
    remarks = [NO_MINIO] if isinstance(minio, MockAsMinio) else []
    if settings.image_overrides:
        remarks.append(f"{NO_IMAGES} ({', '.join(settings.image_overrides)})")
    stack_id, images = f"{session.ident}-{slot}", StackImages()
    return Stack("embedded", session.ident, stack_id, "", minio, postgres, aws, relay, images, seconds, tuple(remarks))


def _fingerprint(settings: Settings, databases: Mapping[str, str]) -> str:
    """Return a hash of everything that a stack must share with this process to be reused."""
    parts = (dict(databases), settings.fixed, shutil.which("minio"), hash_service_sources())
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
