"""koku-nise, the exports' generator of another project: run as a separate tool (AGPL-3.0), never imported."""

import fcntl
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TOOL = ROOT / ".tools" / "nise"
_VERSION = "5.4.4"


def nise(folder: Path, *arguments: str) -> None:
    """Write one provider's report below `folder`; the tool is installed on first use."""
    folder.mkdir(parents=True)
    subprocess.run(
        [_installed(), "report", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=300
    )


def _installed() -> Path:
    program = _TOOL / "bin" / "nise"
    _TOOL.parent.mkdir(exist_ok=True)
    with (_TOOL.parent / "nise.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = _TOOL / f"installed-{_VERSION}"
        if not done.exists():
            uv = ROOT / ".tools" / "bin" / "uv"
            subprocess.run([uv, "venv", "--quiet", "--clear", _TOOL], check=True)
            package = f"koku-nise=={_VERSION}"
            subprocess.run([uv, "pip", "install", "--quiet", "--python", _TOOL, package], check=True)
            done.touch()
    return program
