"""Packs the wheel: a folder of Python files and three lines of metadata.

A PEP 517 backend of its own, because a backend that must be downloaded first would make installing
depend on the network. Left out on purpose: everything that a package of plain Python files does
not need.
"""

import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile
from typing import Dict, List, Optional, Tuple

ROOT = os.path.dirname(os.path.abspath(__file__))
Config = Optional[Dict[str, object]]


def _read(*path: str) -> str:
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def _field(text: str, pattern: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise ValueError(f"nothing in the package's files matches {pattern}")
    return found.group(1)


def _version() -> str:
    return _field(_read("llmcost", "__init__.py"), r'^__version__ = "(.+)"$')


def _metadata() -> str:
    project = _read("pyproject.toml")
    name, summary, python = (
        _field(project, f'^{key} = "(.+)"$') for key in ("name", "description", "requires-python")
    )
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {_version()}",
        f"Summary: {summary}",
        f"Requires-Python: {python}",
        "License: MIT",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + "\n\n" + _read("README.md")


def _package_files() -> List[Tuple[str, bytes]]:
    names = sorted(
        name
        for name in os.listdir(os.path.join(ROOT, "llmcost"))
        if name.endswith((".py", ".typed"))
    )
    files = []
    for name in names:
        with open(os.path.join(ROOT, "llmcost", name), "rb") as file:
            files.append((f"llmcost/{name}", file.read()))
    return files


def _write_wheel(directory: str, files: List[Tuple[str, bytes]]) -> str:
    info = f"llmcost-{_version()}.dist-info"
    wheel = "Wheel-Version: 1.0\nGenerator: llmcost\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = files + [(f"{info}/METADATA", _metadata().encode()), (f"{info}/WHEEL", wheel.encode())]
    record = ""
    for name, data in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    record += f"{info}/RECORD,,\n"
    wheel_name = f"llmcost-{_version()}-py3-none-any.whl"
    with zipfile.ZipFile(
        os.path.join(directory, wheel_name), "w", zipfile.ZIP_DEFLATED
    ) as archive:
        for name, data in files + [(f"{info}/RECORD", record.encode())]:
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return wheel_name


def build_wheel(
    wheel_directory: str, config_settings: Config = None, metadata_directory: Optional[str] = None
) -> str:
    """The package as a wheel."""
    return _write_wheel(wheel_directory, _package_files())


def build_editable(
    wheel_directory: str, config_settings: Config = None, metadata_directory: Optional[str] = None
) -> str:
    """A wheel that points at this folder: `pip install -e`."""
    return _write_wheel(wheel_directory, [("llmcost.pth", (ROOT + "\n").encode())])


def build_sdist(sdist_directory: str, config_settings: Config = None) -> str:
    """The sources as they are."""
    base = f"llmcost-{_version()}"
    own = [(name, _read(name).encode()) for name in ("pyproject.toml", "backend.py", "README.md")]
    with tarfile.open(os.path.join(sdist_directory, f"{base}.tar.gz"), "w:gz") as archive:
        for name, data in _package_files() + own + [("PKG-INFO", _metadata().encode())]:
            entry = tarfile.TarInfo(f"{base}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return f"{base}.tar.gz"
