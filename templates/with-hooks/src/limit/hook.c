/* limit: an interceptor before todos are created. */
#include "exo_hooks.h"

static const failure missing = {
    .message = {"A todo needs a title", 20},
    .code = {true, {"TITLE_MISSING", 13}},
    .extensions = {false, {0, 0}},
};

EXPORT("exo:hooks/interceptors@0.1.0#before") const void *before(const char *hook, size_t length) {
    return intercepted(contains(operation_arguments(), S("\"title\":\"\"")) ? &missing : NULL);
}

/* The model binds nothing to these; the interface has them all the same. */
EXPORT("exo:hooks/interceptors@0.1.0#after") const void *after(const char *hook, size_t length) {
    return intercepted(NULL);
}

EXPORT("exo:hooks/interceptors@0.1.0#around") const void *around(const char *hook, size_t length) {
    return intercepted(NULL);
}
