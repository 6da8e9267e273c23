#!/usr/bin/env python3
"""Include arrows between the rooms of lib/ point one way, and file names are unique."""
import pathlib
import re
import sys

# A room may include itself and the rooms below it in this list.
ROOMS = ["client", "call", "policy", "provider", "store", "money", "text", "wire", "base"]
BESIDE = {"mock": {"mock", "money", "wire", "base"}}  # the loopback provider knows nothing of calls


def may_include(room, other):
    if room in BESIDE:
        return other in BESIDE[room]
    return other in ROOMS and ROOMS.index(other) >= ROOMS.index(room)


def main():
    failures, files, arrows = [], {}, 0
    for path in sorted(pathlib.Path("lib").glob("*/*.[ch]")):
        room = path.parent.name
        # A header and its source share a name; two files of one kind may not.
        if files.setdefault(path.name, path) != path:
            failures.append(f"{path} and {files[path.name]} have the same name")
        for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            arrows += 1
            other = include.split("/")[0]
            if "/" not in include or not may_include(room, other):
                failures.append(f"{path} includes {include}: {room} may not look there")
    for failure in failures:
        print(failure)
    print(f"{arrows - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
