/* The part of exo:hooks@0.1.0 that gateway hooks and interceptors need, by hand: no libc, no binding generator. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *text;
    size_t length;
} string;
#define S(literal) ((string){literal, sizeof(literal) - 1})

typedef struct {
    bool present;
    string value;
} optional_string;

/* One entry of the errors list. */
typedef struct {
    string message;
    optional_string code;
    optional_string extensions; /* a JSON object */
} failure;

typedef struct {
    string name, value;
} header;

typedef struct {
    bool rejected;
    uint16_t status;
    const failure *errors;
    size_t error_count;
    const header *headers;
    size_t header_count;
} request_result;

_Static_assert(sizeof(string) == 8 && sizeof(failure) == 32, "the layout of the canonical ABI");

#define IMPORT(module, name) __attribute__((import_module("exo:hooks/" module "@0.1.0"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("request", "header") void request_header_raw(const char *, size_t, void *);
IMPORT("response", "set-header")
void response_set_header_raw(const char *, size_t, const char *, size_t, void *);
IMPORT("context", "set") void context_set_raw(const char *, size_t, const char *, size_t);
IMPORT("settings", "get") void settings_get_raw(const char *, size_t, void *);
IMPORT("operation", "arguments") void operation_arguments_raw(void *);
IMPORT("log", "write") void log_write_raw(int32_t, const char *, size_t, const void *, size_t);

/* First value of a header of the request. */
static inline optional_string request_header(string name) {
    struct {
        uint8_t present;
        string value;
    } answer;
    request_header_raw(name.text, name.length, &answer);
    return (optional_string){answer.present, answer.value};
}

/* A setting of the component: [hooks.<name>.settings]. */
static inline optional_string setting(string key) {
    struct {
        uint8_t present;
        string value;
    } answer;
    settings_get_raw(key.text, key.length, &answer);
    return (optional_string){answer.present, answer.value};
}

/* Arguments of the operation around which an interceptor runs: a JSON object. */
static inline string operation_arguments(void) {
    string answer;
    operation_arguments_raw(&answer);
    return answer;
}

/* Whether a text occurs in another. */
static inline bool contains(string text, string part) {
    for (size_t at = 0; at + part.length <= text.length; at++) {
        size_t same = 0;
        while (same < part.length && text.text[at + same] == part.text[same]) {
            same++;
        }
        if (same == part.length) {
            return true;
        }
    }
    return false;
}

/* Replaces a header of the reply. */
static inline void response_set_header(string name, string value) {
    uint8_t answer[2];
    response_set_header_raw(name.text, name.length, value.text, value.length, answer);
}

/* Leaves a value (JSON text) for the model: @hook("key"). */
static inline void context_set(string key, string json) {
    context_set_raw(key.text, key.length, json.text, json.length);
}

/* A line for the log of the studio. */
static inline void log_info(string message) {
    log_write_raw(2, message.text, message.length, NULL, 0);
}

/* Memory for what the host hands over. The next call begins anew: see `done`. The linker says where free memory begins;
 * most calls never ask for more of it. */
extern unsigned char __heap_base;
static uintptr_t next_free;

/* A call is over, and what was handed over is not needed any more. What is returned is read before memory is asked for. */
static inline void done(void) {
    next_free = 0;
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    if (!next_free) {
        next_free = (uintptr_t)&__heap_base;
    }
    next_free = (next_free + align - 1) & ~(uintptr_t)(align - 1);
    size_t end = __builtin_wasm_memory_size(0) * 65536;
    if (next_free + size > end) {
        size_t pages = (next_free + size - end + 65535) / 65536;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) {
            __builtin_trap();
        }
    }
    char *fresh = (char *)next_free;
    for (size_t i = 0; i < old_size && i < size; i++) {
        fresh[i] = ((char *)old)[i];
    }
    next_free += size;
    return fresh;
}

/* What interceptors return: the address of a result<option<json>, failure>. `why` NULL: nothing to object to. */
static inline const void *intercepted(const failure *why) {
    static struct {
        uint8_t refused;
        uint8_t gap[3];
        failure why;
    } answer;
    done();
    answer.refused = why != NULL;
    answer.why = why ? *why : (failure){0};
    return &answer;
}

/* What `on-request` returns: the address of a result<_, rejection>. */
static inline const void *result(request_result given) {
    static struct {
        uint8_t rejected;
        uint8_t gap[3];
        uint16_t status;
        uint16_t gap2;
        const failure *errors;
        size_t error_count;
        const header *headers;
        size_t header_count;
    } answer;
    done();
    answer.rejected = given.rejected;
    answer.status = given.status;
    answer.errors = given.errors;
    answer.error_count = given.error_count;
    answer.headers = given.headers;
    answer.header_count = given.header_count;
    return &answer;
}
