#include "reqrep/server_internal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

static int s_compare (zloom_bytes_t a, zloom_bytes_t b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp (a.data, b.data, shared) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

//  Where a name is, or where it would have to be put.
static size_t s_place (const zloom_server_t *self, zloom_bytes_t name, bool *ret_found)
{
    size_t low = 0, high = self->method_count;
    *ret_found = false;
    while (low < high && !*ret_found) {
        size_t middle = (low + high) / 2;
        int order = s_compare (name, zloom_bytes_str (self->methods[middle]->name));
        *ret_found = order == 0;
        if (order < 0)
            high = middle;
        else if (order > 0)
            low = middle + 1;
        else
            low = middle;
    }
    return low;
}

//  The same method is called again, as likely as not.
zloom__method_t *zloom__server_find_method (zloom_server_t *self, zloom_bytes_t name)
{
    zloom__method_t *recent = self->recent_method;
    if (recent && recent->name_size == name.size
        && memcmp (recent->name, name.data, name.size) == 0)
        return recent;
    bool found;
    size_t place = s_place (self, name, &found);
    return found ? (self->recent_method = self->methods[place]) : NULL;
}

static void s_free (zloom__method_t *method)
{
    zloom_free (method->name);
    zloom_free (method->signature_text);
    zloom_free (method->doc);
    zloom_free (method);
}

//  A copy of its own of a string that may be missing; false = no memory.
static bool s_copy (char **ret, const char *string)
{
    *ret = string ? zloom_strdup (string) : NULL;
    return !string || *ret;
}

static zloom__method_t *s_new (const zloom__method_spec_t *spec, zloom_error_t *reterr)
{
    zloom__method_t *method = (zloom__method_t *) zloom_alloc (sizeof *method);
    if (!method) {
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a method");
        return NULL;
    }
    method->handler = spec->handler;
    method->context = spec->context;
    method->is_builtin = spec->is_builtin;
    bool copied = s_copy (&method->name, spec->name)
                  && s_copy (&method->signature_text, spec->signature)
                  && s_copy (&method->doc, spec->doc);
    if (!copied)
        zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a method");
    else if (zloom__signature_read (&method->signature, method->signature_text, reterr)
             == ZLOOM_OK) {
        method->name_size = spec->name ? strlen (spec->name) : 0;
        return method;
    }
    s_free (method);
    return NULL;
}

zloom_code_t zloom__server_add_method (zloom_server_t *self, const zloom__method_spec_t *spec,
                                       zloom_error_t *reterr)
{
    bool found;
    size_t place = s_place (self, zloom_bytes_str (spec->name), &found);
    if (found) {
        zloom_error_set (reterr, ZLOOM_REASON_BAD_STATE, "method '%s' has a handler already",
                         spec->name);
        if (reterr)
            reterr->code = ZLOOM_ALREADY_EXISTS;
        return ZLOOM_ALREADY_EXISTS;
    }
    zloom__method_t **methods = (zloom__method_t **) zloom_realloc (
        self->methods, (self->method_count + 1) * sizeof methods[0]);
    if (!methods)
        return zloom_error_set (reterr, ZLOOM_REASON_NO_MEMORY, "out of memory for a method");
    self->methods = methods;
    zloom_error_t error;
    zloom__method_t *method = s_new (spec, &error);
    if (!method) {
        if (reterr)
            *reterr = error;
        return error.code;
    }
    memmove (&methods[place + 1], &methods[place],
             (self->method_count - place) * sizeof methods[0]);
    methods[place] = method;
    self->method_count++;
    return ZLOOM_OK;
}

void zloom__server_free_methods (zloom_server_t *self)
{
    for (size_t i = 0; i < self->method_count; i++)
        s_free (self->methods[i]);
    zloom_free (self->methods);
}

//  The names that people may give: short, printable, no quoting needed anywhere.
static const char *s_find_flaw (const char *name)
{
    size_t length = name ? strlen (name) : 0;
    if (length == 0 || length > ZLOOM__METHOD_MAX)
        return "has 1 to 128 characters";
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-";
    if (strspn (name, allowed) != length)
        return "is made of A-Z a-z 0-9 . _ / -";
    if (strncmp (name, "zloom.", 6) == 0)
        return "does not begin with 'zloom.', which is zloom's own";
    return NULL;
}

static zloom_code_t s_check (zloom_server_t *self, const zloom__method_spec_t *spec)
{
    char shown[160] = "";
    const char *flaw = s_find_flaw (spec->name);
    if (flaw)
        return zloom_error_set (
            &self->error, ZLOOM_REASON_BAD_ARGUMENT, "method '%s': a name %s",
            zloom_text_escape (shown, sizeof shown, zloom_bytes_str (spec->name)), flaw);
    if (!spec->handler)
        return zloom_error_set (&self->error, ZLOOM_REASON_BAD_ARGUMENT,
                                "method '%s' has no handler", spec->name);
    return ZLOOM_OK;
}

zloom_code_t zloom_server_handle (zloom_server_t *self, const char *method, const char *signature,
                                  const char *doc, zloom_handler_fn *handler, void *context)
{
    zloom_code_t code = zloom__server_enter (self);
    if (code)
        return code;
    const zloom__method_spec_t spec = {
        .name = method, .signature = signature, .doc = doc, .handler = handler, .context = context};
    code = s_check (self, &spec);
    if (!code) {
        code = zloom__server_add_method (self, &spec, &self->error);
        if (code == ZLOOM_INVALID_ARGUMENT)
            zloom_error_wrap (&self->error, "method '%s'", method);
    }
    return zloom__server_leave (self, code);
}
