#!/bin/bash
#  deps.sh build|test|peers|all: install the Debian packages that this needs, or
#  say what to type. Does nothing, and asks nobody, where all are there.
set -eu

build=(gcc libc6-dev pkg-config libzmq3-dev libczmq-dev libmsgpack-dev libjansson-dev)
test=(libcmocka-dev python3 python3-zmq python3-msgpack)
peers=(
    g++ libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
    libmicrohttpd-dev libcurl4-openssl-dev
)
check=(
    g++ clang libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck mandoc
    valgrind libc6-dbg
)
case ${1-all} in
build) wanted=("${build[@]}") ;;
test) wanted=("${build[@]}" "${test[@]}") ;;
peers) wanted=("${build[@]}" "${peers[@]}") ;;
*) wanted=("${build[@]}" "${test[@]}" "${check[@]}") ;;
esac

if ! command -v dpkg-query apt-get >/dev/null; then
    echo "deps: not a Debian system; zloom wants what these packages have: ${wanted[*]}" >&2
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "deps: packages are missing; type: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
