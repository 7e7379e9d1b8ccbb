"""A folder to run shell tools in, with a PATH that holds only the programs that a test puts there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN_TOOLS = (
    "awk bash basename cat chmod cmp cp date dirname echo env expr find grep head id ln ls make mkdir mv rm sed setsid "
    "sh sleep tail tee test timeout touch tr true uname wc"
)


class Place:
    """A folder with files of the project, and a `bin` that is the whole PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for tool in PLAIN_TOOLS.split():
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        self.env = {"PATH": str(self.bin), "HOME": str(folder), "HARNESS_ENGINE_ROOT": str(folder / "root")}

    def take(self, *names: str) -> None:
        """Copy files of the project into the folder."""
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)

    def script(self, name: str, body: str) -> Path:
        """Put a shell script on the PATH, instead of the system's tool of that name."""
        file = self.bin / name
        file.unlink(missing_ok=True)
        file.write_text(f"#!{self.bin}/sh\n{body}\n")
        file.chmod(0o755)
        return file

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        # A process that a tool leaves running keeps the output open, and fails the test by this timeout.
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
