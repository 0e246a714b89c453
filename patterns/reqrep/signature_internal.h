//  zloom__signature - what a method takes, and whether params fit it
//
//      signature = "(" [ param *( "," param ) ] ")" [ "->" [ "stream" ] type ]
//      param     = name ":" type [ "?" ] [ "..." ]
//      type      = "int" / "uint" / "float" / "number" / "str" / "bytes" / "bool"
//                / "list" / "map" / "any" / "nil"
//
//  "?" takes nil too, and at the end of the list nothing at all; "..." takes
//  any number more. The result is for people: it is told, not checked.
//
//  Threads: any (checking is pure).
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_REQREP_SIGNATURE_INTERNAL_H
#define ZLOOM_REQREP_SIGNATURE_INTERNAL_H

#include "base/bytes.h"
#include "base/error.h"

enum { ZLOOM__PARAMS_MAX = 16 };

typedef struct zloom__param {
    zloom_bytes_t name;  //  Within the text
    zloom_bytes_t type;  //  Its name
    uint32_t accepts;    //  A bit for each zloom__type_t
} zloom__param_t;

typedef struct zloom__signature {
    bool is_open;      //  No signature: anything fits
    bool is_variadic;  //  The last param may be repeated, or missing
    uint8_t count;
    uint8_t required;  //  Params that must be there
    zloom__param_t params[ZLOOM__PARAMS_MAX];
} zloom__signature_t;

//  Read a signature (NULL = anything). Borrows text; it must outlive self.
//  BAD_ARGUMENT: the text says where.
zloom_code_t zloom__signature_read (zloom__signature_t *self, const char *text,
                                    zloom_error_t *reterr);

//  Whether packed params (checked before) fit. BAD_PARAMS: the text names the
//  argument, what it should be and what it is.
zloom_code_t zloom__signature_check (const zloom__signature_t *self, zloom_bytes_t params,
                                     zloom_error_t *reterr);

#endif
