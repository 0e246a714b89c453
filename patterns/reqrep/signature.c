#include "reqrep/signature_internal.h"

#include <stdio.h>

#include "data/check_internal.h"
#include "data/codec_internal.h"

#define BIT(type) (1u << (type))

static const struct {
    const char *name;
    uint32_t accepts;
} s_types[] = {
    {"int", BIT (ZLOOM__INT) | BIT (ZLOOM__UINT)},
    {"uint", BIT (ZLOOM__UINT)},
    {"float", BIT (ZLOOM__FLOAT) | BIT (ZLOOM__INT) | BIT (ZLOOM__UINT)},
    {"number", BIT (ZLOOM__FLOAT) | BIT (ZLOOM__INT) | BIT (ZLOOM__UINT)},
    {"str", BIT (ZLOOM__STR)},
    {"bytes", BIT (ZLOOM__BIN) | BIT (ZLOOM__STR)},
    {"bool", BIT (ZLOOM__BOOL)},
    {"list", BIT (ZLOOM__ARRAY)},
    {"map", BIT (ZLOOM__MAP)},
    {"any", UINT32_MAX},
    {"nil", BIT (ZLOOM__NIL)},
};

//  A place in the text.
typedef struct {
    const char *text;
    const char *at;
    zloom_error_t *reterr;
} parser_t;

//  Say what should stand at the next thing that is no blank.
static zloom_code_t s_expected (const parser_t *self, const char *what)
{
    size_t column = (size_t) (self->at - self->text) + strspn (self->at, " ") + 1;
    return zloom_error_set (self->reterr, ZLOOM_REASON_BAD_ARGUMENT,
                            "signature \"%.80s\", column %zu: expected %s", self->text, column,
                            what);
}

//  Pass over blanks, and over `token` if it stands there.
static bool s_accept (parser_t *self, const char *token)
{
    while (*self->at == ' ')
        self->at++;
    size_t length = strlen (token);
    if (strncmp (self->at, token, length) != 0)
        return false;
    self->at += length;
    return true;
}

static zloom_bytes_t s_word (parser_t *self)
{
    s_accept (self, "");
    const char *from = self->at;
    while ((*self->at >= 'a' && *self->at <= 'z') || (*self->at >= 'A' && *self->at <= 'Z')
           || (*self->at >= '0' && *self->at <= '9') || *self->at == '_')
        self->at++;
    return zloom_bytes (from, (size_t) (self->at - from));
}

static zloom_code_t s_read_type (parser_t *self, zloom__param_t *ret_param)
{
    const char *from = self->at;
    ret_param->type = s_word (self);
    for (size_t i = 0; i < sizeof s_types / sizeof s_types[0]; i++)
        if (zloom_bytes_equal (ret_param->type, zloom_bytes_str (s_types[i].name))) {
            ret_param->accepts = s_types[i].accepts;
            return ZLOOM_OK;
        }
    self->at = from;
    return s_expected (self, "a type: int uint float number str bytes bool list map any nil");
}

static zloom_code_t s_read_param (parser_t *self, zloom__signature_t *signature)
{
    if (signature->count == ZLOOM__PARAMS_MAX)
        return s_expected (self, "at most 16 parameters");
    if (signature->is_variadic)
        return s_expected (self, "')': nothing follows a '...'");
    zloom__param_t *param = &signature->params[signature->count++];
    param->name = s_word (self);
    if (param->name.size == 0)
        return s_expected (self, "a parameter's name");
    if (!s_accept (self, ":"))
        return s_expected (self, "':'");
    zloom_code_t code = s_read_type (self, param);
    if (code)
        return code;
    bool is_optional = s_accept (self, "?");
    signature->is_variadic = s_accept (self, "...");
    if (is_optional)
        param->accepts |= BIT (ZLOOM__NIL);
    else if (!signature->is_variadic)
        signature->required = signature->count;
    return ZLOOM_OK;
}

zloom_code_t zloom__signature_read (zloom__signature_t *self, const char *text,
                                    zloom_error_t *reterr)
{
    *self = (zloom__signature_t){.is_open = text == NULL};
    if (!text)
        return ZLOOM_OK;
    parser_t parser = {text, text, reterr};
    if (!s_accept (&parser, "("))
        return s_expected (&parser, "'('");
    zloom_code_t code = ZLOOM_OK;
    if (!s_accept (&parser, ")")) {
        do
            code = s_read_param (&parser, self);
        while (!code && s_accept (&parser, ","));
        if (!code && !s_accept (&parser, ")"))
            code = s_expected (&parser, "',' or ')'");
    }
    if (!code && s_accept (&parser, "->")) {
        s_accept (&parser, "stream ");
        zloom__param_t result;
        code = s_read_type (&parser, &result);
    }
    if (!code && (s_accept (&parser, ""), *parser.at))
        code = s_expected (&parser, "the end");
    return code;
}

//  "no arguments", "1 argument", "1 to 3 arguments", "2 or more arguments".
static void s_describe_count (const zloom__signature_t *self, char *ret_text, size_t size)
{
    unsigned least = self->required, most = self->count;
    if (self->is_variadic)
        snprintf (ret_text, size, "%u or more arguments", least);
    else if (least != most)
        snprintf (ret_text, size, "%u to %u arguments", least, most);
    else if (least == 0)
        snprintf (ret_text, size, "no arguments");
    else
        snprintf (ret_text, size, "%u argument%s", least, least == 1 ? "" : "s");
}

static zloom_code_t s_wrong_count (const zloom__signature_t *self, uint32_t given,
                                   zloom_error_t *reterr)
{
    char takes[48];
    s_describe_count (self, takes, sizeof takes);
    if (given == 0)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_PARAMS, "it takes %s, none was given",
                                takes);
    return zloom_error_set (reterr, ZLOOM_REASON_BAD_PARAMS, "it takes %s, %u %s given", takes,
                            (unsigned) given, given == 1 ? "was" : "were");
}

zloom_code_t zloom__signature_check (const zloom__signature_t *self, zloom_bytes_t params,
                                     zloom_error_t *reterr)
{
    const uint8_t *end = params.data + params.size;
    zloom__token_t token;
    const uint8_t *p = zloom__read (params.data, end, &token);
    if (token.type != ZLOOM__ARRAY)
        return zloom_error_set (reterr, ZLOOM_REASON_BAD_PARAMS,
                                "params are an array, this is a %s", zloom__type_name (token.type));
    if (self->is_open)
        return ZLOOM_OK;
    uint32_t given = token.length;
    if (given < self->required || (given > self->count && !self->is_variadic))
        return s_wrong_count (self, given, reterr);
    for (uint32_t i = 0; i < given; i++) {
        const zloom__param_t *param =
            &self->params[i < self->count ? i : (uint32_t) self->count - 1];
        const uint8_t *next = zloom__read_checked (p, end, &token);
        if (!(param->accepts & BIT (token.type)))
            return zloom_error_set (reterr, ZLOOM_REASON_BAD_PARAMS,
                                    "argument %u (%.*s): expected %.*s, found %s",
                                    (unsigned) (i + 1), (int) param->name.size,
                                    (const char *) param->name.data, (int) param->type.size,
                                    (const char *) param->type.data, zloom__type_name (token.type));
        bool is_container = token.type == ZLOOM__ARRAY || token.type == ZLOOM__MAP;
        p = is_container ? zloom__pass_checked (p, end) : next + token.length;
    }
    return ZLOOM_OK;
}
