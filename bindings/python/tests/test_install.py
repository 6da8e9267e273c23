"""pip install without a network, and every way to find the library."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = Path(os.environ.get("LLMCOST_LIBRARY", ROOT / "build" / "libllmcost.so.0")).resolve()
PROGRAM = (
    "import llmcost\n"
    "with llmcost.Mock() as mock, llmcost.Client(mock.config()) as client:\n"
    "    print(client.ask('gpt-4o-mini', 'Hello'), llmcost.__file__)\n"
)


def environment(**more: str) -> Dict[str, str]:
    """Ours, without what leads to this tree."""
    hidden = ("PYTHONPATH", "LLMCOST_LIBRARY", "LD_LIBRARY_PATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def run(*command: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        **options,
    )


class Installed(unittest.TestCase):
    folder: Path
    python: Path

    @classmethod
    def setUpClass(cls) -> None:
        build = Path(os.environ.get("LLMCOST_TEST_FOLDER", ROOT / "build"))
        if not build.is_dir():
            raise unittest.SkipTest("there is no build/")
        cls.folder = Path(tempfile.mkdtemp(prefix="python-", dir=build))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        made = run(sys.executable, "-m", "venv", cls.folder / "venv")
        if made.returncode:
            raise unittest.SkipTest(
                "python -m venv does not work here: " + made.stdout.strip()[-200:]
            )
        cls.python = cls.folder / "venv" / "bin" / "python"
        # A copy: the package cannot find the tree by its own path then.
        source = cls.folder / "source"
        shutil.copytree(
            ROOT / "bindings" / "python",
            source,
            ignore=shutil.ignore_patterns("__pycache__", "tests"),
        )
        done = run(cls.python, "-m", "pip", "install", source, env=environment(), cwd=cls.folder)
        assert done.returncode == 0, done.stdout
        cls.libraries = cls.folder / "lib"
        cls.libraries.mkdir()
        shutil.copy(LIBRARY, cls.libraries / "libllmcost.so.0")

    def python_runs(self, **more: str) -> "subprocess.CompletedProcess[str]":
        return run(self.python, "-c", PROGRAM, env=environment(**more), cwd=self.folder)

    def test_from_where_the_linker_looks(self) -> None:
        done = self.python_runs(LD_LIBRARY_PATH=str(self.libraries))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.startswith("Hello "))
        self.assertIn("site-packages", done.stdout)

    def test_from_the_named_file(self) -> None:
        done = self.python_runs(LLMCOST_LIBRARY=str(self.libraries / "libllmcost.so.0"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.startswith("Hello "))

    def test_from_the_environments_own_lib(self) -> None:
        target = self.folder / "venv" / "lib" / "libllmcost.so.0"
        shutil.copy(LIBRARY, target)
        self.addCleanup(target.unlink)
        done = self.python_runs()
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_named_file_that_is_none(self) -> None:
        done = self.python_runs(
            LLMCOST_LIBRARY="/nowhere/libllmcost.so.0", LD_LIBRARY_PATH=str(self.libraries)
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ImportError", done.stdout)
        self.assertIn("/nowhere/libllmcost.so.0", done.stdout)
        self.assertIn("LLMCOST_LIBRARY", done.stdout)

    def test_metadata_and_types(self) -> None:
        done = run(
            self.python, "-m", "pip", "show", "-f", "llmcost", env=environment(), cwd=self.folder
        )
        self.assertIn("Version: 0.1.0", done.stdout)
        self.assertIn("llmcost/py.typed", done.stdout)

    def test_editable_and_sources(self) -> None:
        source = self.folder / "source"
        program = (
            "import backend, sys\n"
            "print(backend.build_editable(sys.argv[1]), backend.build_sdist(sys.argv[1]))\n"
        )
        done = run(self.python, "-c", program, self.folder, env=environment(), cwd=source)
        self.assertEqual(
            done.stdout.split(), ["llmcost-0.1.0-py3-none-any.whl", "llmcost-0.1.0.tar.gz"]
        )
        installed = run(
            self.python,
            "-m",
            "pip",
            "install",
            "--target",
            self.folder / "other",
            self.folder / "llmcost-0.1.0.tar.gz",
            env=environment(),
            cwd=self.folder,
        )
        self.assertEqual(installed.returncode, 0, installed.stdout)
        self.assertTrue((self.folder / "other" / "llmcost" / "py.typed").is_file())


class FromTheTree(unittest.TestCase):
    def test_build_is_found(self) -> None:
        if not (ROOT / "build" / "libllmcost.so.0").is_file():
            self.skipTest("the library is not in build/")
        done = run(
            sys.executable,
            "-c",
            PROGRAM,
            env=environment(PYTHONPATH=str(ROOT / "bindings" / "python")),
            cwd="/",
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.startswith("Hello "))


class Examples(unittest.TestCase):
    def example(self, name: str) -> str:
        paths = {"PYTHONPATH": str(ROOT / "bindings" / "python"), "LLMCOST_LIBRARY": str(LIBRARY)}
        done = run(sys.executable, ROOT / "examples" / name, env=environment(**paths), cwd="/")
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_hello(self) -> None:
        output = self.example("hello.py")
        self.assertIn("A cache whose entries expire", output)
        self.assertIn("$0.0000", output)

    def test_stream(self) -> None:
        output = self.example("stream.py")
        self.assertEqual(output.count("Once upon a time"), 5)
        self.assertIn("failed 1", output)

    def test_tags(self) -> None:
        output = self.example("tags.py")
        self.assertIn("faq", output)
        self.assertIn("summaries", output)
        self.assertRegex(output, "refused [1-9]")

    def test_openai_style(self) -> None:
        self.assertEqual(self.example("openai_style.py").count("A cache whose entries expire"), 2)


if __name__ == "__main__":
    unittest.main()
