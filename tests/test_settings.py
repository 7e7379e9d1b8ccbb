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


def test_an_empty_option_for_an_image_leaves_the_projects_image_out(tmp_path: Path) -> None:
    root = project(tmp_path, 'airflow_image = "own/airflow:1"')

    settings = Settings.load(root, ("airflow",), {"airflow_image": ""}, {"HARNESS_AIRFLOW_IMAGE": "own/airflow:2"})

    assert settings.airflow_image is None


@pytest.mark.parametrize(
    ("table", "environ", "message"),
    [
        ('image_mode = "never"', {}, "image_mode"),
        ("", {"HARNESS_IMAGE_MODE": "never"}, "'auto', 'pull' or 'build' (given: 'never')"),
        ("", {"HARNESS_RUN_TIMEOUT": "soon"}, "HARNESS_RUN_TIMEOUT"),
        ('region = "Ireland"', {}, "HARNESS_REGION"),
        ("start_timeout = 0", {}, "greater than 0"),
        ("", {"HARNESS_WAITS": "none"}, "'real' or 'short' (given: 'none'); set it by option, by HARNESS_WAITS"),
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
            "bucket 'My_Bucket': a name has 3 to 63 lower case letters, digits, dots and hyphens",
        ),
        ('aws_buckets = ["10.0.0.1"]', {}, "rename it in pyproject's [tool.harness] aws_buckets"),
        ('objects = {"reports/a" = "a"}', {}, "no bucket 'reports' is declared: add it to buckets"),
        ('aws_buckets = ["abc"]\naws_objects = {"abc/../b" = "a"}', {}, "a key has no empty part, `.` or `..`"),
        ('watch = ["totals"]', {}, "watch 'totals' in pyproject's [tool.harness]: write DATABASE.TABLE or"),
        (
            "normalise = [{pattern = '(', word = 'X'}]",
            {},
            "normalise '(' in pyproject's [[tool.harness.normalise]]: not a",
        ),
        ("normalise = [{pattern = 'a', word = '\\1'}]", {}, "invalid group reference 1"),
        ("normalise = [{pattern = 'a*', word = 'X'}]", {}, "it matches an empty text, which is everywhere"),
        ("normalise = [{pattern = 'a'}]", {}, "normalise.0.word"),
        ("databases = {shop = 3}", {}, "databases.shop"),
        ('images.minio = {tag = "a", context = "b"}', {}, "a built-in image has this name; rename yours"),
        ("pools.narrow = -2", {}, "pools.narrow"),
        ("pools.wide = 3_000_000_000", {}, "pools.wide"),
        ('pools."" = 1', {}, "at least 1 character"),
        ("variables.limit = 3", {}, "Input should be a valid string (given: 3)"),
        ('variables = {Limit = "1", LIMIT = "2"}', {}, "variable 'limit' in pyproject's [tool.harness.variables]: two"),
        (
            'config.core.dags_folder = "x"',
            {},
            "setting 'core.dags_folder' in pyproject's [tool.harness.config]: set dags_",
        ),
        ('config.Core.Plugins_Folder = "x"', {}, "set plugins_folder in [tool.harness] instead"),
        (
            'config.dag_processor.dag_bundle_config_list = "[]"',
            {},
            "a run reads one folder of DAGs, so remove it and set",
        ),
        (
            'environment.AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST = "[]"',
            {},
            "so remove it and set dags_folder in",
        ),
        (
            'environment.AIRFLOW__DATABASE__SQL_ALCHEMY_CONN = "x"',
            {},
            "has a metadata database of its own, so remove it",
        ),
        ('pass_environment = ["AWS_PROFILE"]', {}, "pass_environment 'AWS_PROFILE': it may lead to a real account"),
        ('pass_environment = ["GOOGLE_APPLICATION_CREDENTIALS"]', {}, "which no run may reach"),
        ('pass_environment = ["DOCKER_HOST"]', {}, "which no run may reach"),
        ('pass_environment = ["https_proxy"]', {}, "each run has a value of its own"),
        ("run_timeout = inf", {}, "run_timeout"),
        ('pass_environment = ["AIRFLOW_CONN_SHOP"]', {}, "each run has a value of its own; declare another one in"),
        (
            'pass_environment = ["SSL_CERT_FILE", "HOME"]',
            {},
            "pass_environment 'HOME': each run has a value of its own",
        ),
        ('buckets = ["My_Bucket"]', {}, "bucket 'My_Bucket': a name has 3 to 63 lower case letters, digits, dots"),
        ('buckets = ["ab"]', {}, "bucket 'ab': "),
        ('buckets = ["a..b"]', {}, "bucket 'a..b': "),
        ('buckets = ["10.0.0.1"]', {}, "bucket '10.0.0.1': "),
        ('buckets = ["minio"]', {}, "bucket 'minio': "),
        ('buckets = ["data", "data"]', {}, "bucket 'data' is declared twice: remove one"),
        ('databases = {Shop = "s.sql"}', {}, "database 'Shop': a name has 1 to 50 lower case letters, digits"),
        ('databases = {postgres = "s.sql"}', {}, "database 'postgres': Postgres has this name; rename yours"),
        ('databases = {pg_shop = "s.sql"}', {}, "database 'pg_shop': Postgres has this name"),
        ('aliases = {mini = ["s3"]}', {}, "service 'mini' in pyproject's [tool.harness.aliases]: use minio, postgres"),
        ('aliases = {minio = ["s 3"]}', {}, "alias 's 3' of minio: a name has 1 to 63 letters, digits, dots"),
        ('aliases = {minio = ["s3"], aws = ["s3"]}', {}, "alias 's3' of aws: minio has the same name"),
        ('aliases = {minio = ["relay"]}', {}, "alias 'relay' of minio: relay has the same name"),
        ('images."My Own" = {tag = "a", context = "b"}', {}, "image 'My Own': a name has lower case letters, digits"),
        ('images.own = {tag = "My/Own", context = "b"}', {}, "image 'own': tag 'My/Own' is not an image reference"),
        ('images.own = {tag = "my own", context = "b"}', {}, "image 'own': tag 'my own' is not an image reference"),
        ("matrix.next.too = []", {}, "setting 'matrix.next.too': Extra inputs are not permitted"),
        ('matrix.next.to = "airflow==3.3.2"', {}, "setting 'matrix.next.to': "),
        ('matrix.next.without."test_a.py" = ""', {}, "setting 'matrix.next.without.test_a.py': String should have"),
        ('matrix."../next".to = []', {}, "combination '../next': a name has 1 to 64 letters, digits, dots"),
    ],
)
def test_an_invalid_setting_is_refused_in_one_line(
    tmp_path: Path, table: str, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.load(project(tmp_path, table), NAMES, {}, environ)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_valid_names_are_accepted(tmp_path: Path) -> None:
    table = """
buckets = ["sagemaker-sample-data-eu-west-1", "my.bucket", "abc"]
databases = {shop = "s.sql", shop_1 = "s.sql", "in-house" = "s.sql"}
aliases = {minio = ["locals3", "s3.test"], relay = ["Docker_Host"]}
images = {own = {tag = "registry.test:5000/a_b/c.d:1.0", context = "b"}, digit-api = {tag = "x", context = "b"}}
"""
    assert Settings.load(project(tmp_path, table), NAMES, {}, {}).buckets[2] == "abc"


def test_ports_and_credentials_can_be_fixed(tmp_path: Path) -> None:
    root = project(tmp_path, 'minio_port = 9000\nminio_user = "user"\npostgres_passwords.listings = "airbnb"')
    settings = Settings.load(root, NAMES, {}, {"HARNESS_MINIO_PORT": "9100", "HARNESS_RELAY_PORT": "2375"})
    assert settings.fixed_ports == {"minio_port": 9100, "relay_port": 2375}
    assert (settings.minio_user, settings.minio_password) == ("user", None)
    assert settings.postgres_passwords == {"listings": "airbnb"}
    assert Settings.load(tmp_path / "none", NAMES, {}, {}).fixed_ports == {}


def test_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    table = 'pythonpath = ["lib", "${root}/more", "/opt"]\nplugins_folder = "own/plugins"\ndags_folder = "${root}/a"'
    settings = Settings.load(project(tmp_path, table), NAMES, {}, {})
    root = tmp_path.resolve()
    assert settings.pythonpath == (root / "lib", root / "more", Path("/opt"))
    assert (settings.plugins_folder, settings.dags_folder) == (root / "own" / "plugins", root / "a")


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
