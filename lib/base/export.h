//  zloom_export - marks what the shared library shows
//
//  Pure preprocessor; owns nothing.
//  Threads: any.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_BASE_EXPORT_H
#define ZLOOM_BASE_EXPORT_H

//  The library is compiled with hidden visibility; a declaration that carries
//  this word is public. `make check` holds that nothing else is exported.
#define ZLOOM_EXPORT __attribute__ ((visibility ("default")))

//  The compiler checks the arguments of printf-like functions.
#define ZLOOM_PRINTF(format_at, arguments_at) \
    __attribute__ ((format (printf, format_at, arguments_at)))

#endif
