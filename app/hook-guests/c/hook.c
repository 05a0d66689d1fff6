/* {{name}}: a gateway hook. It runs before authentication and may refuse the request. */
#include "exo_hooks.h"

static const failure blocked = {
    .message = {"This request is blocked", 23},
    .code = {true, {"BLOCKED", 7}},
    .extensions = {false, {0, 0}},
};

EXPORT("exo:hooks/gateway@0.1.0#on-request") const void *on_request(void) {
    if (request_header(S("x-blocked")).present) {
        log_info(S("a blocked request"));
        return result((request_result){.rejected = true, .status = 403, .errors = &blocked, .error_count = 1});
    }
    return result((request_result){.rejected = false});
}

EXPORT("exo:hooks/gateway@0.1.0#on-response") void on_response(void) {
    response_set_header(S("x-hook"), S("{{name}}"));
}
