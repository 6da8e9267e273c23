"""Runs every test of this folder and counts them in one last line."""

import sys
import unittest
from pathlib import Path


class Counted(unittest.TextTestResult):
    """Counts what passed: what a skipped or broken class leaves out is in no other figure."""

    passed = 0

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed += 1


def main() -> int:
    here = Path(__file__).resolve().parent
    suite = unittest.defaultTestLoader.discover(str(here), top_level_dir=str(here))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1, resultclass=Counted).run(
        suite
    )
    assert isinstance(result, Counted)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    for test, reason in result.skipped:
        print(f"skipped {test}: {reason}")
    print(f"python: {result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return int(failed > 0 or result.passed == 0)


if __name__ == "__main__":
    sys.exit(main())
