#!/bin/bash
#  Compile each header given, alone, as C11; a public one also as C++17.
set -u

failed=0
for header in "$@"; do
    languages=("$CC -x c -std=c11")
    [[ $header == *_internal.h ]] || languages+=("$CXX -x c++ -std=c++17")
    for compile in "${languages[@]}"; do
        # shellcheck disable=SC2086  # words of a command
        echo "#include \"$header\"" | $compile -Wall -Wextra -Werror -fsyntax-only \
            -D_GNU_SOURCE -I. -Ilib -Ipatterns ${PKG_CFLAGS-} - || failed=1
    done
done
exit $failed
