"""The loopback provider as a program, for the clients of others."""
import contextlib
import json
import subprocess
import tempfile


@contextlib.contextmanager
def loopback(program, script):
    """Serves a script; gives its URL, and ends the server."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(script, file)
        file.flush()
        mock = subprocess.Popen([program, file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield mock.stdout.readline().strip()
        finally:
            mock.stdin.close()
            mock.wait(10)
