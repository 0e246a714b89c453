#!/bin/bash
#  A tour of what exists, in less than a minute. `make demo` runs it, with the
#  command in PATH and the programs of bench/ in $BUILD.
set -u

work=$(mktemp -d)
children=()
finish () {
    kill "${children[@]}" 2>/dev/null
    wait
    rm -rf "$work"
}
trap finish EXIT

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

#  tell TEXT: what comes next, and why it is worth a look.
tell () {
    printf '\n%s# %s%s\n' "$bold" "$1" "$plain"
}

#  show COMMAND: as it would be typed, and what it does. The tour ends where
#  one fails.
show () {
    printf '%s$ %s%s\n' "$bold" "$1" "$plain"
    bash -c "$1" || { echo "demo: exit code $?" >&2; exit 1; }
}

#  show_failing COMMAND: the same for one that has to fail.
show_failing () {
    show "$1; echo \"exit code \$?\""
}

#  serve COMMAND: the same for a service, which runs until the tour ends.
serve () {
    printf '%s$ %s &%s\n' "$bold" "$1" "$plain"
    bash -c "exec $1" 2>"$work/service.log" &
    children+=($!)
}

#  A port that nobody has; below those that the kernel gives to clients.
free_port () {
    local port
    for port in $(shuf -i 20000-31999 -n 100); do
        (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

address=tcp://127.0.0.1:$(free_port)

tell "A service is one command: each method runs a program. No broker, no server to install."
serve "zloom serve $address --echo --exec wc='wc -w' --exec upper='tr a-z A-Z' --in raw"

tell "Another terminal calls it. It need not be up yet: a call waits for its peer."
show "zloom call $address wc 'nothing to install, run, upgrade or lose'"

tell "It says what it can do."
show "zloom describe $address -o text"

tell "A call for each line of stdin, up to 8 under way at a time; the results stay in order."
show "printf '%s\n' brokerless messaging toolkit | zloom call $address upper -l --async 8"

tell "Errors have a name, an exit code, and say what to try."
show_failing "zloom call $address uper hello"
show_failing "zloom call tcp://127.0.0.1:$(free_port) wc hello"

tell "What listens there?"
show "zloom probe $address -o text"

tell "The same client does both: 2,000 calls, each after the last (sync), then 100 at a time (async)."
export TIMEFORMAT='%R seconds'
show "time seq 2000 | zloom call $address echo -l > /dev/null"
show "time seq 2000 | zloom call $address echo -l --async 100 > /dev/null"

tell "What the service counted meanwhile."
show "zloom stats $address -o text"

if [ -x "$BUILD/bench/bench_reqrep" ]; then
    tell "Latency of a call beside a raw libzmq echo, in turn, in one run (make bench: the whole of it)."
    show "$BUILD/bench/bench_reqrep --rounds 9 --calls 500 --transport tcp"
fi

tell "That was it. The README goes on from here."
