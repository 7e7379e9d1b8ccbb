"""Settings: sources, precedence, and refusal of invalid values."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.settings import Settings, find_root

NAMES = ("minio", "postgres")


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.harness]\n{table}\n")
    return folder


def test_precedence_is_option_environment_pyproject_default(tmp_path: Path) -> None:
    assert Settings.load(tmp_path, NAMES, {}, {}).image_mode == "auto"
    root = project(tmp_path, 'image_mode = "pull"\nminio_image = "from/pyproject:1"\npostgres_image = "kept:1"')
    assert Settings.load(root, NAMES, {}, {}).image_mode == "pull"
    environ = {"HARNESS_IMAGE_MODE": "build", "HARNESS_MINIO_IMAGE": "from/environment:1"}
    assert Settings.load(root, NAMES, {"image_mode": None}, environ).image_mode == "build"
    settings = Settings.load(root, NAMES, {"image_mode": "auto", "minio_image": "from/option:1"}, environ)
    assert settings.image_mode == "auto"
    assert settings.image_overrides == {"minio": "from/option:1", "postgres": "kept:1"}


def test_an_option_overrides_a_projects_image(tmp_path: Path) -> None:
    root = project(tmp_path, 'images.cruncher = {tag = "a/cruncher", context = "image"}')
    settings = Settings.load(root, NAMES, {}, {"HARNESS_CRUNCHER_IMAGE": "b/cruncher:2"})
    assert settings.image_overrides == {"cruncher": "b/cruncher:2"}


@pytest.mark.parametrize(
    ("table", "environ", "message"),
    [
        ('image_mode = "never"', {}, "image_mode"),
        ("", {"HARNESS_IMAGE_MODE": "never"}, "'auto', 'pull' or 'build' (given: 'never')"),
        ("", {"HARNESS_RUN_TIMEOUT": "soon"}, "HARNESS_RUN_TIMEOUT"),
        ('region = "Ireland"', {}, "HARNESS_REGION"),
        ("start_timeout = 0", {}, "greater than 0"),
        ('dag_folder = "dags"', {}, "'dag_folder'"),
        ('images.cruncher = {tag = "a"}', {}, "images.cruncher.context"),
        ("image_mode = ", {}, "can't be read as TOML"),
        ("images = 3", {}, "images"),
        ('root = "/"', {}, "unknown setting 'root'"),
        ("minio_image = 5", {}, "HARNESS_MINIO_IMAGE"),
        ("minio_port = 0", {}, "greater than or equal to 1 (given: 0)"),
        ("", {"HARNESS_POSTGRES_PORT": "70000"}, "HARNESS_POSTGRES_PORT"),
        ('relay_port = "docker"', {}, "relay_port"),
        ("minio_port = 9000\nminio_console_port = 9000", {}, "both port 9000"),
        ('minio_user = "me"', {}, "at least 3 characters"),
        ("postgres_passwords = 'all'", {}, "postgres_passwords"),
        ("postgres_passwords.listings = ''", {}, "postgres_passwords.listings"),
        (
            'aws_buckets = ["My_Bucket"]',
            {},
            "bucket 'My_Bucket': names are lower case letters, digits, dots and hyphens",
        ),
        ('aws_buckets = ["10.0.0.1"]', {}, "Rename it in [tool.harness] aws_buckets"),
        ('objects = {"reports/a" = "a"}', {}, "no bucket 'reports' is declared: add it to buckets"),
        ('aws_buckets = ["abc"]\naws_objects = {"abc/../b" = "a"}', {}, "a key has no empty part, `.` or `..`"),
        ('watch = ["totals"]', {}, "watch 'totals' in pyproject's [tool.harness]: write DATABASE.TABLE or"),
        ("databases = {shop = 3}", {}, "databases.shop"),
        ('images.minio = {tag = "a", context = "b"}', {}, "a built-in image has this name; rename yours"),
    ],
)
def test_an_invalid_setting_is_refused_in_one_line(
    tmp_path: Path, table: str, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.load(project(tmp_path, table), NAMES, {}, environ)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_ports_and_credentials_can_be_fixed(tmp_path: Path) -> None:
    root = project(tmp_path, 'minio_port = 9000\nminio_user = "user"\npostgres_passwords.listings = "airbnb"')
    settings = Settings.load(root, NAMES, {}, {"HARNESS_MINIO_PORT": "9100", "HARNESS_RELAY_PORT": "2375"})
    assert settings.fixed_ports == {"minio_port": 9100, "relay_port": 2375}
    assert (settings.minio_user, settings.minio_password) == ("user", None)
    assert settings.postgres_passwords == {"listings": "airbnb"}
    assert Settings.load(tmp_path / "none", NAMES, {}, {}).fixed_ports == {}


def test_the_error_of_an_invalid_password_hides_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"at least 8 characters \(given: '\*\*\*'\)"):
        Settings.load(project(tmp_path, 'minio_password = "secret"'), NAMES, {}, {})


def test_a_database_has_one_seed_or_several(tmp_path: Path) -> None:
    root = project(tmp_path, 'databases = {shop = "schema.sql", stock = ["schema.sql", "rows.csv"]}')
    assert Settings.load(root, NAMES, {}, {}).databases == {
        "shop": (Path("schema.sql"),),
        "stock": (Path("schema.sql"), Path("rows.csv")),
    }


@pytest.mark.parametrize("content", ["tool = 3", "[tool]\nharness = 'x'"])
def test_a_value_in_place_of_a_table_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "pyproject.toml").write_text(content)
    with pytest.raises(SettingsError, match="is not a table"):
        Settings.load(tmp_path, NAMES, {}, {})


def test_the_root_is_the_nearest_project_with_a_table(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\n")
    assert find_root(inner) == inner
    project(tmp_path, 'image_mode = "pull"')
    assert find_root(inner) == tmp_path
