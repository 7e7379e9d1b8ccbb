"""Resolving an image: the local image, else a pull, else a build, else an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from docker.errors import ImageNotFound

from harness.errors import ImageError
from harness.images import recipe_build, resolve
from harness.images.catalogue import load_catalogue
from harness.images.local import LABEL_RECIPE, find_local
from harness.images.prepare import BuildContext, BuildSpec
from harness.images.pull import PullError
from harness.images.recipe_hash import built_tag
from harness.images.resolve import resolve_image
from harness.settings import ImageMode, ProjectImage, Settings

REFERENCE = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"


class FakeEngine:
    """The calls of docker-py's client that resolving an image uses; `done` lists the actions."""

    def __init__(self) -> None:
        self.store: dict[str, dict[str, Any]] = {}
        self.done: list[str] = []
        self.images = self
        self.api = self

    def get(self, reference: str) -> FakeEngine:
        if reference not in self.store:
            raise ImageNotFound("no such image")
        image = FakeEngine()
        image.attrs = self.store[reference]
        return image

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

    def prepare(context: BuildContext) -> BuildSpec:
        engine.done.append(f"build {context.image.name} {context.image.release}")
        return BuildSpec("fake recipe")

    def label_and_tag(client: object, image_id: str, tag: str, labels: dict[str, str], log: object) -> None:
        engine.add(tag, labels=labels)

    monkeypatch.setattr(resolve, "pull", pull)
    monkeypatch.setattr(recipe_build, "prepare", prepare)
    monkeypatch.setattr(recipe_build, "build", lambda *_, **__: "sha256:1")
    monkeypatch.setattr(recipe_build, "run_probe", lambda *_, **__: "1.2.3")
    monkeypatch.setattr(recipe_build, "label_and_tag", label_and_tag)
    return engine


def fail_pulls(monkeypatch: pytest.MonkeyPatch, missing: bool = False) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PullError("quay.io can't be reached", missing)

    monkeypatch.setattr(resolve, "pull", refuse)


def with_mode(settings: Settings, mode: ImageMode, **overrides: str) -> Settings:
    return settings.model_copy(update={"image_mode": mode, "image_overrides": overrides})


def tag(settings: Settings) -> str:
    return built_tag(load_catalogue(settings), "minio")


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
def test_mode_selects_local_pull_or_build(
    settings: Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    mode: ImageMode,
    has_reference: bool,
    has_built: bool,
    can_pull: bool,
    expected: list[str] | str,
) -> None:
    settings = with_mode(settings, mode)
    if has_reference:
        fake.add(REFERENCE, pulled=True)
    if has_built:
        fake.add(tag(settings))
    if not can_pull:
        fail_pulls(monkeypatch)
    if isinstance(expected, str):
        with pytest.raises(ImageError, match=expected):
            resolve_image(fake, settings, "minio")  # type: ignore[arg-type]
        return
    resolved = resolve_image(fake, settings, "minio")  # type: ignore[arg-type]
    assert fake.done == expected
    assert resolved.reference == (tag(settings) if resolved.origin.startswith("built") else REFERENCE)
    assert resolve_image(fake, settings, "minio").reference == resolved.reference  # type: ignore[arg-type]
    assert fake.done == expected, "a second call acted again"


def test_origin_and_version_are_recorded(settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_pulls(monkeypatch)
    built = resolve_image(fake, settings, "minio")  # type: ignore[arg-type]
    assert (built.origin, built.version, built.size) == ("built: fake recipe", "1.2.3", 7)
    fake.add("postgres:17.6", pulled=True)
    pulled = resolve_image(fake, settings, "postgres")  # type: ignore[arg-type]
    assert (pulled.origin, pulled.version) == ("pulled", "17.6")
    fake.add("alpine/socat:1.8.0.3")
    assert resolve_image(fake, settings, "relay").origin == "present"  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["auto", "pull", "build"])
def test_an_image_without_a_reference_is_built_in_every_mode(
    settings: Settings, fake: FakeEngine, mode: ImageMode
) -> None:
    settings = with_mode(settings, mode)
    resolved = resolve_image(fake, settings, "aws")  # type: ignore[arg-type]
    assert resolved.origin == "built: fake recipe"
    assert find_local(fake, settings, load_catalogue(settings), "aws") == resolved  # type: ignore[arg-type]
    # The fake prepare() resolves no parent.
    assert fake.done == ["build aws 5.2.5"]


def test_build_override_builds_although_the_default_is_present(settings: Settings, fake: FakeEngine) -> None:
    fake.add(REFERENCE, pulled=True)
    settings = with_mode(settings, "auto", minio="build:RELEASE.2025-10-15T17-29-55Z")
    assert "RELEASE.2025-10-15T17-29-55Z" in resolve_image(fake, settings, "minio").reference  # type: ignore[arg-type]
    assert fake.done == ["build minio RELEASE.2025-10-15T17-29-55Z"]


@pytest.mark.parametrize(
    ("missing", "message"), [(True, "image minio does not exist"), (False, "not present and can't be pulled")]
)
def test_a_reference_override_is_never_built(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, missing: bool, message: str
) -> None:
    fail_pulls(monkeypatch, missing)
    with pytest.raises(ImageError, match=message) as raised:
        resolve_image(fake, with_mode(settings, "build", minio="some/minio:tag"), "minio")  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
    assert fake.done == []


def test_an_unknown_image_is_named(settings: Settings, fake: FakeEngine) -> None:
    with pytest.raises(ImageError, match="image 'nosuch' is not in the catalogue: use base, "):
        resolve_image(fake, settings, "nosuch")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["auto", "pull", "build"])
def test_a_project_image_is_built_and_tagged_for_its_dags(
    settings: Settings, fake: FakeEngine, mode: ImageMode
) -> None:
    (settings.root / "mine").mkdir()
    project_images = {"mine": ProjectImage(tag="me/mine", context=Path("mine"))}
    settings = with_mode(settings, mode).model_copy(update={"images": project_images})
    exact = resolve_image(fake, settings, "mine").reference  # type: ignore[arg-type]
    assert exact.startswith("airflow-harness/mine:local-")
    assert fake.store["me/mine"]["Id"] == fake.store[exact]["Id"]
    assert fake.done == ["build mine local", "tag me/mine:latest"]
    # Another checkout built an image with the same tag.
    fake.add("me/mine", labels={LABEL_RECIPE: "another"})
    resolve_image(fake, settings, "mine")  # type: ignore[arg-type]
    assert fake.store["me/mine"]["Id"] == fake.store[exact]["Id"] != "id of me/mine"
    assert fake.done == ["build mine local", "tag me/mine:latest", "tag me/mine:latest"]
    # The user has an image with that tag, which the harness did not build.
    fake.add("me/mine")
    assert resolve_image(fake, settings, "mine").reference == exact  # type: ignore[arg-type]
    assert fake.store["me/mine"]["Id"] == "id of me/mine"


def test_an_image_that_does_not_run_is_removed(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(recipe_build, "run_probe", lambda *_, **__: "")
    monkeypatch.setattr(recipe_build, "remove_image", lambda client, image: removed.append(image))
    with pytest.raises(ImageError, match="does not run"):
        resolve_image(fake, with_mode(settings, "build"), "minio")  # type: ignore[arg-type]
    assert removed == ["sha256:1"]
    assert find_local(fake, with_mode(settings, "build"), load_catalogue(settings), "minio") is None  # type: ignore[arg-type]


def raise_error(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("where", ["prepare", "build"])
def test_a_full_disk_is_reported_at_each_step(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(recipe_build, where, raise_error(OSError(28, "the message in this machine's language")))
    with pytest.raises(ImageError, match="disk full while building minio: free space with `docker system prune`"):
        resolve_image(fake, with_mode(settings, "build"), "minio")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ImageError("no"), KeyboardInterrupt(), RuntimeError("bug")])
def test_the_work_folder_is_emptied_after_a_failure(
    settings: Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    killed = settings.cache_dir / "work" / "minio-0f_k1lle"
    killed.mkdir(parents=True)
    monkeypatch.setattr(recipe_build, "build", raise_error(error))
    with pytest.raises(type(error)):
        resolve_image(fake, with_mode(settings, "build"), "minio")  # type: ignore[arg-type]
    assert [file.name for file in (settings.cache_dir / "work").iterdir()] == ["minio.lock"]
