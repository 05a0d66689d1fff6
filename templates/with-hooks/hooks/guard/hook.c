/* guard: refuses some requests before authentication, and leaves a value for the model. */
#include "exo_hooks.h"

static const failure blocked = {
    .message = {"This request is blocked", 23},
    .code = {true, {"BLOCKED", 7}},
    .extensions = {false, {0, 0}},
};

/* A JSON text in quotes, if no character needs an escape. */
static bool quoted(string value, char *out, size_t room) {
    if (value.length + 2 > room) {
        return false;
    }
    out[0] = out[value.length + 1] = '"';
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\') {
            return false;
        }
        out[i + 1] = c;
    }
    return true;
}

EXPORT("exo:hooks/gateway@0.1.0#on-request") const void *on_request(void) {
    optional_string refuse = setting(S("refuse"));
    if (refuse.present && request_header(refuse.value).present) {
        log_info(S("a blocked request"));
        return result((request_result){.rejected = true, .status = 403, .errors = &blocked, .error_count = 1});
    }
    static char json[66];
    optional_string list = request_header(S("x-list"));
    if (list.present && quoted(list.value, json, sizeof(json))) {
        context_set(S("list"), (string){json, list.value.length + 2});
    }
    return result((request_result){.rejected = false});
}

EXPORT("exo:hooks/gateway@0.1.0#on-response") void on_response(void) {
    response_set_header(S("x-guard"), S("seen"));
}
