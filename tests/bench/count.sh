# Sourced: instructions of one unit of work, as the difference of N and 2N, so that start and end cancel out.
# The loopback provider is a process that is not counted. Set BENCH to the program; servers end with the script.

start_provider() { # build folder; sets BENCH_URL
    provider_dir=$(mktemp -d)
    text=$(awk 'BEGIN { for (i = 0; i < 600; i++) printf "%c", 97 + i % 26 }')
    printf '{"validate":false,"default":{"reply":{"text":"%s","usage":{"prompt":200,"completion":100}}}}' "$text" >"$provider_dir/script.json"
    mkfifo "$provider_dir/input"
    "$1/llmcost-mock" "$provider_dir/script.json" <"$provider_dir/input" >"$provider_dir/url" &
    exec 9>"$provider_dir/input" # the provider runs until its input ends
    while [ ! -s "$provider_dir/url" ]; do sleep 0.05; done
    BENCH_URL=$(cat "$provider_dir/url")
    export BENCH_URL
}

stop_provider() {
    exec 9>&-
    rm -rf "$provider_dir"
}

collected() { # name side n
    # Copies by `rep movsb`, one instruction, are counted per byte: let memcpy use plain moves instead, on both sides.
    GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$BENCH" count "$1" "$2" "$3" 2>&1 9>&- |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

instructions() { # name side n
    once=$(collected "$1" "$2" "$3")
    twice=$(collected "$1" "$2" $(($3 * 2)))
    [ -n "$once" ] && [ -n "$twice" ] && echo $(((twice - once) / $3))
}
