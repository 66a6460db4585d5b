"""A Python environment of its own for the FOCUS checkers, which need Python 3.12 and other versions than ours.

Made once per set of pinned versions, below the user's cache; nothing of it is imported here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.errors import ToolError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_MINIMUM = (3, 12)
_NAMES = ("python3.12", "python3.13", "python3.14")


def find_python(folders: Sequence[Path] | None = None) -> Path | None:
    """The first Python of version 3.12 or newer that can make environments; looks on PATH, at pyenv and at uv."""
    candidates = [found for name in _NAMES if folders is None and (found := shutil.which(name))]
    for folder in _usual_folders() if folders is None else folders:
        for pattern in ("3.1[2-9]*", "cpython-3.1[2-9]*"):
            candidates += sorted(str(path) for path in folder.glob(pattern))
    if folders is None:
        candidates.append(sys.executable)
    for candidate in candidates:
        path = Path(candidate)
        python = path / "bin" / "python3" if path.is_dir() else path
        if _is_new_enough(python):
            return python
    return None


def _usual_folders() -> list[Path]:
    return [Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python"]


def _is_new_enough(python: Path) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < {_MINIMUM})"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def no_python() -> ToolError:
    """What to say where the checkers cannot run."""
    return ToolError(
        "validate",
        "the FOCUS checkers need Python 3.12 or newer, and none was found on PATH, in ~/.pyenv/versions or at uv",
        "Only our own rules were checked",
        "Get one with `pyenv install 3.12`, `uv python install 3.12` or your system's packages (python3.12, "
        "python3.12-venv), then run `finops validate` again",
    )


def tool_environment(python: Path, cache: Path, progress: Callable[[str], None]) -> Path:
    """The environment's Python, made on first use: the pinned versions, without resolving dependencies."""
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache / f"focus-checkers-{pinned}"
    ready = folder / "bin" / "python"
    if ready.is_file():
        return ready
    progress(f"installing the FOCUS checkers into {folder}")
    building = cache / f".focus-checkers-{pinned}-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    try:
        _run([str(python), "-m", "venv", str(building)])
        pip = [str(building / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "--no-deps", "-r", str(REQUIREMENTS)])
        building.rename(folder)
    except OSError as problem:
        if not ready.is_file():  # else another process made it meanwhile
            raise ToolError(
                str(folder), str(problem), fix="Check the folder, then run `finops validate` again"
            ) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return ready


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ToolError(
            "validate",
            f"the FOCUS checkers could not be installed: {done.stderr.strip()[-600:]}",
            "Only our own rules were checked",
            "Check that the package index can be reached, then run `finops validate` again",
        )
