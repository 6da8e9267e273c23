#!/usr/bin/env python3
"""Every public symbol is documented, exported on purpose, and used by a test, an example or a binding.

Usage: check_symbols.py LIBRARY.so
"""
import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"LLMCOST_API[^;{]*?\b(llmcost_[a-z0-9_]+)\s*\([^;]*;", re.S)


def documented(text, start):
    """A declaration is documented when a comment ends right above it."""
    return text[:start].rstrip().endswith("*/")


def main():
    failures, declared = [], set()
    for header in sorted(pathlib.Path("include/llmcost").glob("*.h")):
        text = header.read_text()
        for match in DECLARATION.finditer(text):
            declared.add(match.group(1))
            if not documented(text, match.start()):
                failures.append(f"{header}: {match.group(1)} has no comment above it")
    symbols = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], check=True, capture_output=True, text=True).stdout
    exported = {line.split()[2].split("@")[0] for line in symbols.splitlines() if len(line.split()) == 3 and " A " not in line}
    failures += [f"{name} is declared but not exported" for name in sorted(declared - exported)]
    failures += [f"{name} is exported but not declared" for name in sorted(exported - declared)]
    used = "\n".join(path.read_text(errors="replace") for folder in ("tests", "examples", "bindings")
                     for path in pathlib.Path(folder).rglob("*") if path.suffix in (".c", ".h", ".cpp", ".py") and path.is_file())
    failures += [f"{name} is used by no test, example or binding" for name in sorted(declared) if not re.search(rf"\b{name}\b", used)]
    for failure in failures:
        print(failure)
    print(f"{len(declared) - len(failures) if len(failures) < len(declared) else 0} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
