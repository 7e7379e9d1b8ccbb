"""Which way an image comes: present, else pulled, else built; and what is said when no way leads anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from docker.errors import ImageNotFound

from harness.errors import ImageError
from harness.images import make as make_module
from harness.images import obtain as obtain_module
from harness.images.catalogue import catalogue
from harness.images.obtain import obtain
from harness.images.prepare import Bench, Prepared
from harness.images.present import LABEL_RECIPE, present
from harness.images.pull import PullError
from harness.images.recipe_hash import built_tag
from harness.settings import ImageMode, ProjectImage, Settings

REFERENCE = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"


class FakeEngine:
    """As much of docker-py's client as the decision touches, and a list of what was done."""

    def __init__(self) -> None:
        self.store: dict[str, dict[str, Any]] = {}
        self.done: list[str] = []
        self.images = self
        self.api = self

    def get(self, reference: str) -> FakeEngine:
        if reference not in self.store:
            raise ImageNotFound("no such image")
        found = FakeEngine()
        found.attrs = self.store[reference]
        return found

    attrs: dict[str, Any]

    def add(self, reference: str, *, labels: dict[str, str] | None = None, pulled: bool = False) -> None:
        digests = [f"{reference}@sha256:1"] if pulled else []
        self.store[reference] = {
            "Id": f"id of {reference}",
            "Size": 7,
            "RepoDigests": digests,
            "Config": {"Labels": labels},
        }

    def tag(self, image: str, repository: str, tag: str, force: bool) -> None:
        self.done.append(f"tag {repository}:{tag}")
        self.store[f"{repository}:{tag}"] = self.store[image]
        if tag == "latest":
            self.store[repository] = self.store[image]

    def info(self) -> dict[str, str]:
        return {"Architecture": "x86_64"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()

    def pull(client: FakeEngine, reference: str, name: str, progress: object) -> None:
        engine.done.append(f"pull {reference}")
        engine.add(reference, pulled=True)

    def prepare(bench: Bench) -> Prepared:
        engine.done.append(f"build {bench.image.name} {bench.image.release}")
        return Prepared("made up")

    def label_and_tag(client: object, image_id: str, tag: str, labels: dict[str, str], log: object) -> None:
        engine.add(tag, labels=labels)

    monkeypatch.setattr(obtain_module, "pull", pull)
    monkeypatch.setattr(make_module, "prepare", prepare)
    monkeypatch.setattr(make_module, "build", lambda *_, **__: "sha256:1")
    monkeypatch.setattr(make_module, "ask", lambda *_, **__: "1.2.3")
    monkeypatch.setattr(make_module, "label_and_tag", label_and_tag)
    return engine


def no_pull(monkeypatch: pytest.MonkeyPatch, missing: bool = False) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PullError("quay.io can't be reached", missing)

    monkeypatch.setattr(obtain_module, "pull", refuse)


def chosen(settings: Settings, mode: ImageMode, **overrides: str) -> Settings:
    return settings.model_copy(update={"image_mode": mode, "image_overrides": overrides})


def tag(settings: Settings) -> str:
    return built_tag(catalogue(settings), "minio")


BUILD = "build minio RELEASE.2025-09-07T16-13-09Z"


@pytest.mark.parametrize(
    ("mode", "has_reference", "has_built", "can_pull", "expected"),
    [
        ("auto", True, True, True, []),
        ("auto", True, False, True, []),
        ("auto", False, True, True, []),
        ("auto", False, False, True, [f"pull {REFERENCE}"]),
        ("auto", False, False, False, [BUILD]),
        ("pull", True, False, True, []),
        ("pull", False, True, True, [f"pull {REFERENCE}"]),
        ("pull", False, True, False, "quay.io can't be reached"),
        ("build", True, False, True, [BUILD]),
        ("build", True, True, True, []),
    ],
)
def test_modes(
    settings: Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    mode: ImageMode,
    has_reference: bool,
    has_built: bool,
    can_pull: bool,
    expected: list[str] | str,
) -> None:
    settings = chosen(settings, mode)
    if has_reference:
        fake.add(REFERENCE, pulled=True)
    if has_built:
        fake.add(tag(settings))
    if not can_pull:
        no_pull(monkeypatch)
    if isinstance(expected, str):
        with pytest.raises(ImageError, match=expected):
            obtain(fake, settings, "minio")  # type: ignore[arg-type]
        return
    found = obtain(fake, settings, "minio")  # type: ignore[arg-type]
    assert fake.done == expected
    assert found.reference == (tag(settings) if found.origin.startswith("built") else REFERENCE)
    assert obtain(fake, settings, "minio").reference == found.reference  # type: ignore[arg-type]
    assert fake.done == expected, "a second start did something"


def test_origin_and_version_are_told(settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    no_pull(monkeypatch)
    built = obtain(fake, settings, "minio")  # type: ignore[arg-type]
    assert (built.origin, built.version, built.size) == ("built: made up", "1.2.3", 7)
    fake.add("postgres:17.6", pulled=True)
    pulled = obtain(fake, settings, "postgres")  # type: ignore[arg-type]
    assert (pulled.origin, pulled.version) == ("pulled", "17.6")
    fake.add("alpine/socat:1.8.0.3")
    assert obtain(fake, settings, "relay").origin == "present"  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["auto", "pull", "build"])
def test_what_has_nothing_to_pull_is_built_in_every_mode(settings: Settings, fake: FakeEngine, mode: ImageMode) -> None:
    settings = chosen(settings, mode)
    found = obtain(fake, settings, "aws")  # type: ignore[arg-type]
    assert found.origin == "built: made up"
    assert present(fake, settings, catalogue(settings), "aws") == found  # type: ignore[arg-type]
    # The stand-in for prepare() asks for no parent.
    assert fake.done == ["build aws 5.2.5"]


def test_build_release_builds_although_the_default_is_present(settings: Settings, fake: FakeEngine) -> None:
    fake.add(REFERENCE, pulled=True)
    settings = chosen(settings, "auto", minio="build:RELEASE.2025-10-15T17-29-55Z")
    assert "RELEASE.2025-10-15T17-29-55Z" in obtain(fake, settings, "minio").reference  # type: ignore[arg-type]
    assert fake.done == ["build minio RELEASE.2025-10-15T17-29-55Z"]


@pytest.mark.parametrize(
    ("missing", "message"), [(True, "image minio does not exist"), (False, "not present and can't be pulled")]
)
def test_a_named_image_is_never_replaced_by_a_built_one(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, missing: bool, message: str
) -> None:
    no_pull(monkeypatch, missing)
    with pytest.raises(ImageError, match=message) as refused:
        obtain(fake, chosen(settings, "build", minio="some/minio:tag"), "minio")  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    assert fake.done == []


def test_an_unknown_image_is_named(settings: Settings, fake: FakeEngine) -> None:
    with pytest.raises(ImageError, match="there is no image 'nosuch' in the catalogue; it holds base, "):
        obtain(fake, settings, "nosuch")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["auto", "pull", "build"])
def test_a_projects_image_is_built_and_gets_the_name_that_its_dags_use(
    settings: Settings, fake: FakeEngine, mode: ImageMode
) -> None:
    (settings.root / "mine").mkdir()
    own = {"mine": ProjectImage(tag="me/mine", context=Path("mine"))}
    settings = chosen(settings, mode).model_copy(update={"images": own})
    exact = obtain(fake, settings, "mine").reference  # type: ignore[arg-type]
    assert exact.startswith("airflow-harness/mine:local-")
    assert fake.store["me/mine"]["Id"] == fake.store[exact]["Id"]
    assert fake.done == ["build mine local", "tag me/mine:latest"]
    # Another checkout built its own under the same name.
    fake.add("me/mine", labels={LABEL_RECIPE: "another"})
    obtain(fake, settings, "mine")  # type: ignore[arg-type]
    assert fake.store["me/mine"]["Id"] == fake.store[exact]["Id"] != "id of me/mine"
    assert fake.done == ["build mine local", "tag me/mine:latest", "tag me/mine:latest"]
    # The user has an image of that name that the harness did not build.
    fake.add("me/mine")
    assert obtain(fake, settings, "mine").reference == exact  # type: ignore[arg-type]
    assert fake.store["me/mine"]["Id"] == "id of me/mine"


def test_an_image_that_does_not_run_is_not_kept(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(make_module, "ask", lambda *_, **__: "")
    monkeypatch.setattr(make_module, "discard", lambda client, image: removed.append(image))
    with pytest.raises(ImageError, match="does not run"):
        obtain(fake, chosen(settings, "build"), "minio")  # type: ignore[arg-type]
    assert removed == ["sha256:1"]
    assert present(fake, chosen(settings, "build"), catalogue(settings), "minio") is None  # type: ignore[arg-type]


def fails_with(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("where", ["prepare", "build"])
def test_a_full_disk_is_named_wherever_it_fills(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(make_module, where, fails_with(OSError(28, "whatever this machine's language calls it")))
    with pytest.raises(ImageError, match="disk full while building minio: free space with `docker system prune`"):
        obtain(fake, chosen(settings, "build"), "minio")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ImageError("no"), KeyboardInterrupt(), RuntimeError("bug")])
def test_nothing_stays_in_the_work_folder(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    killed = settings.cache_dir / "work" / "minio-0f_k1lle"
    killed.mkdir(parents=True)
    monkeypatch.setattr(make_module, "build", fails_with(error))
    with pytest.raises(type(error)):
        obtain(fake, chosen(settings, "build"), "minio")  # type: ignore[arg-type]
    assert [file.name for file in (settings.cache_dir / "work").iterdir()] == ["minio.lock"]
