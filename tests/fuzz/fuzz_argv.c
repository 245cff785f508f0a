/* Any words as argv (cut at NUL): options and operands are accepted or refused with one line. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lang/prog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *argv[WORDS];
    size_t count = 0;
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t at = 0; at < size && count < WORDS; at += strlen(text + at) + 1)
        argv[count++] = text + at;
    if (count > 0) {
        struct prog prog;
        struct sk_err err = { .msg = "" };
        if (prog_argv(&prog, argv, count, &err) < 0)
            assert(err.msg[0] != '\0' && strchr(err.msg, '\n') == NULL);
        else
            assert(prog.count == 1 && prog.steps[0].cmd != NULL);
        prog_done(&prog);
    }
    free(text);
    return 0;
}
