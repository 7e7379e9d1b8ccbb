"""For tox.ini: environments named after an Airflow line. tox takes `2.11` in a name for a Python 2.11."""

from __future__ import annotations

from tox.plugin import impl
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class AirflowLineRunner(VirtualEnvRunner):
    """An ordinary virtual environment whose name says nothing of Python."""

    @staticmethod
    def id() -> str:
        return "airflow-line"

    @classmethod
    def extract_base_python(cls, env_name: str) -> str | None:
        """No Python is named, so tox takes its own: that of .venv."""
        return None


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    register.add_run_env(AirflowLineRunner)
