#!/bin/bash
#  What the libraries in a build folder show, and what they want.
set -u
build=$1
failed=0

complain () {
    echo "$1"
    failed=1
}

for library in "$build"/libzloom.so "$build"/libzloom-json.so; do
    strangers=$(nm -D --defined-only "$library" | awk '{ print $NF }' |
        grep -Ev '^zloom_[a-z0-9]|^_(init|fini)$')
    [ -z "$strangers" ] || complain "${library##*/} exports what it should not: $strangers"
done

for wanted in jansson czmq; do
    ! readelf -d "$build"/libzloom.so | grep -q "NEEDED.*$wanted" ||
        complain "libzloom.so needs $wanted"
done

for object in "$build"/lib/{base,data,policy,zmtp}/*.o; do
    [ -e "$object" ] || continue
    sockets=$(nm -u "$object" | grep -E ' zmq_')
    [ -z "$sockets" ] || complain "${object#"$build"/} wants ZeroMQ:$sockets"
done
exit $failed
