/* A stage for the tests of output: one command at a time, its sink writing to memory, on a terminal or not. */
#ifndef OUT_KIT_H
#define OUT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "lang/call.h"
#include "lang/collect.h"
#include "out/sink.h"

#define KIT static inline __attribute__((unused))

static bool stage_terminal;

struct stage {
    struct session *ses;
    struct host host;
    struct frame frame;
    struct command cmd;
    struct common opt;
    struct call call;
    struct sink *sink;
    int fd;     /* memory file: what was written */
    char *text; /* as it was last read */
};

KIT bool stage_is_terminal(int fd) { return fd > STDERR_FILENO && stage_terminal; }

/* What the last command left in memory. */
KIT void stage_drop(struct stage *t) {
    sk_drop(t->call.result);
    sk_drop(t->call.extra);
    sk_drop(t->call.items);
    sk_buf_done(&t->call.note);
}

KIT void stage_call(struct stage *t) {
    stage_drop(t);
    t->call = (struct call){ .cmd = &t->cmd,
                             .frame = &t->frame,
                             .ses = t->ses,
                             .opt = &t->opt,
                             .deadline = SK_NEVER,
                             .sink = t->sink,
                             .json = t->opt.json,
                             .shows = t->cmd.shows };
}

/* A sink of its own for each command, so that nothing is left from the last. */
KIT void stage_begin(struct stage *t, unsigned flags, enum result result, const char *shows, enum format format) {
    t->cmd = (struct command){ .name = "probe", .flags = flags, .result = result, .shows = shows };
    t->opt = (struct common){ .timeout = SK_TIMEOUT_UNSET, .json = format == F_JSON };
    sink_free(t->sink);
    t->sink = sink_new(&t->frame, t->fd, format);
    if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
        fail();
    stage_call(t);
}

KIT size_t stage_size(const struct stage *t) { return (size_t)lseek(t->fd, 0, SEEK_CUR); }

KIT const char *stage_read(struct stage *t) {
    size_t size = stage_size(t);
    free(t->text);
    t->text = calloc(1, size + 1);
    assert_int_equal(pread(t->fd, t->text, size, 0), size);
    return t->text;
}

KIT void stage_bytes(struct stage *t, const void *p, size_t n) {
    size_t taken = 0;
    assert_int_equal(call_bytes(&t->call, p, n, &taken), 0);
    assert_int_equal(taken, n);
}

/* End the command; why NULL: it went well. What was written since it began. */
KIT const char *stage_end(struct stage *t, const struct sk_err *why) {
    struct sk_err err;
    struct outcome o = { .cmd = "probe",
                         .ok = !why,
                         .result = why ? NULL : &t->call.result,
                         .err = why,
                         .started = 1234 * 1000,
                         .took = 410 * 1000,
                         .seq = 3 };
    assert_int_equal(t->sink->cls->end(t->sink, &t->call, &o, &err), 0);
    return stage_read(t);
}

/* The whole life of a command with one result; takes over v. */
KIT const char *stage_result(struct stage *t, struct sk_value v) {
    t->call.result = v;
    return stage_end(t, NULL);
}

KIT int stage_set(void **state) {
    struct stage *t = calloc(1, sizeof *t);
    t->ses = session_new();
    t->host.is_terminal = stage_is_terminal;
    frame_init(&t->frame, NULL, t->ses, &t->host);
    t->frame.style = STYLE_ONCE;
    t->fd = memfd_create("results", MFD_CLOEXEC);
    stage_terminal = false;
    *state = t;
    return t->fd < 0 ? -1 : 0;
}

KIT int stage_strike(void **state) {
    struct stage *t = *state;
    sink_free(t->sink);
    stage_drop(t);
    frame_done(&t->frame);
    session_free(t->ses);
    close(t->fd);
    free(t->text);
    free(t);
    return 0;
}

/* No byte that acts on a terminal, and valid UTF-8. */
KIT void assert_harmless(const char *p, size_t n) {
    assert_true(sk_utf8_valid(p, n));
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        assert_true(c >= 0x20 || c == '\n' || c == '\t');
        assert_int_not_equal(c, 0x7f);
        if (c == 0xc2 && i + 1 < n)
            assert_true((unsigned char)p[i + 1] >= 0xa0); /* C1 */
        if (c == 0xe2 && i + 2 < n && (unsigned char)p[i + 1] == 0x80)
            assert_false((unsigned char)p[i + 2] >= 0xaa && (unsigned char)p[i + 2] <= 0xae); /* bidi */
    }
}

static const char hostile[] =
    "\x1b]0;title\x07\x1b[6n\x9b"
    "31m\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xc0\xaf\xed\xa0\x80\xff\x7f\r\b\x0e %n%s \"'\\ \xc3\xa4";

#endif
