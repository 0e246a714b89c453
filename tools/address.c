#include "address.h"

#include <string.h>

#include "base/text.h"
#include "report.h"

bool address_bind_given, address_connect_given;

//  "tcp://" and the like: a scheme of lower-case letters, and something behind.
static bool s_is_endpoint (const char *text)
{
    size_t scheme = strspn (text, "abcdefghijklmnopqrstuvwxyz_");
    return scheme > 0 && strncmp (text + scheme, "://", 3) == 0 && text[scheme + 3] != 0;
}

bool address_read (const char *text, bool bind_usually, address_t *ret_address)
{
    if (address_bind_given && address_connect_given) {
        report_usage ("--bind and --connect exclude each other; '@' and '>' say it for one");
        return false;
    }
    bool bind = address_bind_given || (bind_usually && !address_connect_given);
    if (text[0] == '@' || text[0] == '>')
        bind = *text++ == '@';
    if (!s_is_endpoint (text)) {
        char shown[128];
        zloom_text_escape (shown, sizeof shown, zloom_bytes_str (text));
        report (EXIT_USAGE, report_advice (ZLOOM_REASON_BAD_ENDPOINT), "'%s' is no address", shown);
        return false;
    }
    *ret_address = (address_t){text, bind};
    return true;
}
