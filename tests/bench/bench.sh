#!/bin/sh
# make bench: the table, then what needs a tool from outside: instructions (valgrind), system calls (strace), TLS
# (nginx, openssl). What is missing is skipped by name. Usage: bench.sh BUILD
build=$1
BENCH=$build/tests/bench/bench
here=$(dirname "$0")
missed=0
. "$here/count.sh"

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), $(${CC:-cc} --version | head -1), $(curl-config --version 2>/dev/null)"
"$BENCH" || missed=1

have() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]
}

row() { # what ours raw ratio gate met
    [ "$6" = pass ] || missed=1
    printf '%-44s %12s %12s %8s %12s  %s\n' "$@"
}

instruction_row() { # name n gate what
    ours=$(instructions "$1" ours "$2")
    raw=$(instructions "$1" raw "$2")
    more=$((ours - raw))
    row "$4" "$ours" "$raw" "+$more" "<= +$3" "$([ $more -le "$3" ] && echo pass || echo MISS)"
}

instruction_rows() {
    instruction_row call1 200 25000 "uncached call, 1 KB: instructions"
    instruction_row call16 100 25000 "uncached call, 16 KB: instructions"
    instruction_row fallback 200 5000 "three-node route, fallback: instructions"
    instruction_row split 200 5000 "three-node route, split: instructions"
}

# What 1,000 more hits add.
system_call_row() {
    once=$(strace_total 1000)
    twice=$(strace_total 2000)
    row "exact hits, system calls of 1,000" "$((twice - once))" - - "<= 0" "$([ $((twice - once)) -le 0 ] && echo pass || echo MISS)"
}

strace_total() {
    strace -f -o "$provider_dir/calls" "$BENCH" count hit ours "$1" 9>&-
    wc -l <"$provider_dir/calls"
}

tls_row() {
    dir=$provider_dir
    text=$(awk 'BEGIN { for (i = 0; i < 600; i++) printf "a" }')
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null || return
    # As many authorities as a system trusts, so that reading the store has its usual price.
    cat "$dir/cert.pem" /etc/ssl/certs/ca-certificates.crt >"$dir/ca.pem" 2>/dev/null
    port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 20000) }')
    body="{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"$text\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9,\"total_tokens\":18}}"
    cat >"$dir/nginx.conf" <<EOF
daemon off; pid $dir/nginx.pid; error_log $dir/error.log; worker_processes 1;
events {}
http {
    access_log off; keepalive_timeout 0; default_type application/json;
    client_body_temp_path $dir/t; proxy_temp_path $dir/t; fastcgi_temp_path $dir/t; uwsgi_temp_path $dir/t; scgi_temp_path $dir/t;
    server { listen 127.0.0.1:$port ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;
             location / { return 200 '$body'; } }
}
EOF
    PATH=$PATH:/usr/sbin nginx -p "$dir" -c "$dir/nginx.conf" >/dev/null 2>&1 9>&- &
    server=$!
    sleep 0.5
    "$BENCH" tls "https://localhost:$port" "$dir/ca.pem" || missed=1
    kill $server 2>/dev/null
    wait $server 2>/dev/null
}

start_provider "$build"
if have valgrind; then instruction_rows; else echo "skipped: instructions, valgrind is missing"; fi
if have strace; then system_call_row; else echo "skipped: system calls, strace is missing"; fi
if have nginx && have openssl; then tls_row; else echo "skipped: TLS, nginx or openssl is missing"; fi
stop_provider

[ $missed = 0 ] && echo "all gates are met" && exit 0
echo "some gates are missed"
exit 1
