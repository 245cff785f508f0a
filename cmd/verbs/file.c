/* Views and buffers: makefile, bytearray. */
#include <string.h>

#include "verbs/io.h"

/* ---- makefile ---- */

enum mode { RB, WB, RWB };

static int run_makefile(struct call *c) {
    enum { P_MODE, P_BUFFERING };
    int64_t mode = int_or(c, P_MODE, RWB) % 3;
    if (io_open(c, c->sock, "makefile") < 0)
        return -1;
    struct sk_ref sock = c->obj->cls == O_FILE ? c->obj->u.file.sock : c->obj->ref;
    struct object *file = call_bind(c, c->bind, O_FILE);
    if (!file)
        return -1;
    file->u.file.sock = sock;
    file->u.file.readable = mode != WB;
    file->u.file.writable = mode != RB;
    c->result = sk_handle(file->ref);
    return 0;
}

const struct command cmd_makefile = {
    .name = "makefile",
    .group = "bytes",
    .summary = "make a file object that reads and writes a socket",
    .params =
        (const struct param[]){
            ARG("MODE", K_CHOICE, 0, 1, "rb, wb or rwb (default)",
                .choices = (const char *const[]){ "rb", "wb", "rwb", "r", "w", "rw", NULL }),
            OPT(0, "buffering", K_INT, "accepted and ignored", .lo = -1, .hi = INT32_MAX),
            { .kind = K_END },
        },
    .flags = NEED_SOCK | MAKES,
    .result = R_ONE,
    .details = "The file has read, readline, readinto, write and close, and shares the socket's buffer. Closing it "
               "closes the socket.",
    .examples =
        (const char *const[]){
            "x = pair ; f = x0.makefile rb ; x1.sendall 'one\\n' ; f.readline ; f.close ; fails x0.send hi",
            NULL,
        },
    .run = run_makefile,
};

/* ---- bytearray ---- */

static const int64_t BUFFER_MOST = 64 * 1024 * 1024;

static int run_bytearray(struct call *c) {
    size_t n = (size_t)c->args[0].u.i;
    if (c->args[0].u.i > BUFFER_MOST)
        return sk_fail_usage(&c->err, "bytearray: at most 64 MiB");
    struct sk_buf bytes = { 0 };
    unsigned char *room = sk_buf_room(&bytes, n, &c->err);
    if (!room)
        return -1;
    memset(room, 0, n);
    sk_buf_commit(&bytes, n);
    struct object *buffer = call_bind(c, c->bind, O_BUFFER);
    if (!buffer) {
        sk_buf_done(&bytes);
        return -1;
    }
    sk_buf_swap(&buffer->u.buffer, &bytes);
    sk_buf_done(&bytes);
    c->result = sk_handle(buffer->ref);
    return 0;
}

const struct command cmd_bytearray = {
    .name = "bytearray",
    .group = "bytes",
    .summary = "make a buffer of N zero bytes for readinto",
    .params = (const struct param[]){ ARG("N", K_SIZE, 1, 1, "its size in bytes"), { .kind = K_END } },
    .flags = MAKES,
    .result = R_ONE,
    .examples =
        (const char *const[]){
            "x = pair ; buf = bytearray 4 ; x0.send abcd ; x1.readinto buf ; print $buf",
            NULL,
        },
    .run = run_bytearray,
};
