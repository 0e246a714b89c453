#!/bin/bash
#  Install into an empty folder, build the examples of docs/examples against it
#  with pkg-config alone, run them, uninstall, and find the folder empty.
#
#  An example needs no arguments, and ends by itself with 0 within ten seconds.
#  A pair NAME_server.c and NAME_client.c gets an address; the server runs on.
set -eu
shopt -s nullglob

work=$(mktemp -d)
prefix=$work/prefix
mkdir "$prefix"
trap 'rm -rf "$work"' EXIT

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
make=${MAKE:-make}

die () {
    echo "check-install: $1" >&2
    exit 1
}

#  compile OUTPUT SOURCE [MORE…]: as a user would.
compile () {
    local modules=zloom
    grep -q 'data/json' "$2" && modules="zloom zloom-json"
    grep -q 'czmq' "$2" && modules="$modules libczmq"
    # shellcheck disable=SC2046,SC2086  # flags and modules are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$2" -o "$1" \
        $(pkg-config --cflags --libs $modules) "${@:3}"
}

#  The same against the static library and what its .pc file keeps private.
#  (Not --static, which also wants all below libzmq as archives.)
compile_static () {
    # shellcheck disable=SC2046  # flags and modules are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE "$2" -o "$1" $(pkg-config --cflags zloom) \
        "$prefix/lib/libzloom.a" $(pkg-config --libs $(pkg-config --print-requires-private zloom)) \
        -pthread -lm
}

run () {
    timeout 10 "$@" >"$work/output" 2>&1 </dev/null || {
        cat "$work/output" >&2
        die "$(basename "$1") ended with status $?"
    }
}

run_pair () {
    local address=$2 server status=0
    timeout 30 "${1}_server" "$address" >"$work/server.output" 2>&1 </dev/null &
    server=$!
    run "${1}_client" "$address"
    kill "$server"
    wait "$server" || status=$?
    case $status in
    0 | 143) ;;
    *) cat "$work/server.output" >&2; die "$(basename "$1")_server ended with status $status" ;;
    esac
}

run_examples () {
    local source program
    for source in docs/examples/*.c; do
        compile "$work/$(basename "$source" .c)" "$source"
    done
    for source in docs/examples/*.c; do
        program=$work/$(basename "$source" .c)
        case $program in
        *_server) run_pair "${program%_server}" "ipc://$work/example" ;;
        *_client) ;;
        *) run "$program" ;;
        esac
    done
}

check_versions () {
    cat >"$work/version.c" <<'END'
#include <zloom.h>
#include <stdio.h>
int main (void)
{
    zloom_random_t random;
    zloom_random_seed_fresh (&random);
    printf ("%d.%d.%d\n", ZLOOM_VERSION_MAJOR, ZLOOM_VERSION_MINOR, ZLOOM_VERSION_PATCH);
    return 0;
}
END
    compile "$work/version" "$work/version.c"
    compile_static "$work/version-static" "$work/version.c"
    local program
    for program in "$work/version" "$work/version-static"; do
        [ "$("$program")" = "$(pkg-config --modversion zloom)" ] || die "$program has another version"
    done
}

find_nothing () {
    local left
    left=$(find "$1" -mindepth 1)
    [ -z "$left" ] || die "uninstall leaves: $left"
}

$make -s install PREFIX="$prefix" DESTDIR= >/dev/null
check_versions
run_examples
[ ! -e "$prefix/bin/zloom" ] || run "$prefix/bin/zloom" help
$make -s uninstall PREFIX="$prefix" DESTDIR=
find_nothing "$prefix"

mkdir -p "$work/stage/usr"
$make -s install PREFIX=/usr DESTDIR="$work/stage" >/dev/null
! grep -r "$work" "$work/stage/usr/lib/pkgconfig" || die "DESTDIR has got into a .pc file"
$make -s uninstall PREFIX=/usr DESTDIR="$work/stage"
find_nothing "$work/stage/usr"
