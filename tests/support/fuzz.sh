#!/bin/bash
#  fuzz.sh RUNS PROGRAM…: give each fuzz target so many inputs. What crashes it
#  is kept in tests/fuzz/regress, where make test replays it from then on.
set -eu
runs=$1
shift

for program in "$@"; do
    name=${program##*/fuzz_}
    found=${program%/tests/*}/corpus/$name
    mkdir -p "$found" "tests/fuzz/corpus/$name" "tests/fuzz/regress/$name"
    echo "fuzz $name: $runs runs"
    "$program" -runs="$runs" -max_len=4096 -timeout=10 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="tests/fuzz/regress/$name/" \
        "$found" "tests/fuzz/corpus/$name" "tests/fuzz/regress/$name"
    rmdir --ignore-fail-on-non-empty "tests/fuzz/corpus/$name" "tests/fuzz/regress/$name"
done
