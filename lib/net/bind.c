#include "net/bind.h"

#include "net/endpoint_internal.h"

zloom_code_t zloom_bind_check (const char *endpoint, zloom_error_t *reterr)
{
    zloom__endpoint_t parsed;
    zloom_code_t code;
    if (zloom__endpoint_next (&endpoint, &parsed, &code, reterr))
        return zloom__endpoint_check_private (&parsed, reterr);
    return code ? code : zloom_error_set (reterr, ZLOOM_REASON_BAD_ENDPOINT, "no endpoint");
}
