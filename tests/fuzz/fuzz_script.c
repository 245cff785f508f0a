/* Any text as a line of the language: it compiles or is refused with a sentence, in every door the same; nothing is
 * run. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lang/prog.h"
#include "lang/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compile(const char *text, size_t n, bool machine, bool *open) {
    struct prog prog;
    struct sk_err err = { .msg = "" };
    int rc = prog_line(&prog, text, n, "fuzz", 1, machine, &err);
    if (rc < 0) {
        assert(err.msg[0] != '\0' && memchr(err.msg, '\n', strlen(err.msg)) == NULL);
        assert(err.kind == SK_USAGE || err.kind == SK_SYS);
    }
    for (size_t i = 0; rc == 0 && i < prog.count; i++)
        assert(prog.steps[i].cmd != NULL);
    *open = prog.open;
    prog_done(&prog);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    bool complete, open, machine_open;
    int ends;
    /* the scanner of logical lines never loses text and always moves on */
    for (size_t at = 0; at < size;) {
        size_t n = logical_line(text + at, size - at, &complete, &ends);
        assert(n > 0 && at + n <= size && ends >= 0);
        assert(complete || at + n == size);
        int rc = compile(text + at, n, false, &open);
        assert(rc < 0 || !open);
        if (compile(text + at, n, true, &machine_open) == 0)
            assert(rc == 0); /* the machine door refuses more, never less */
        at += n;
    }
    return 0;
}
