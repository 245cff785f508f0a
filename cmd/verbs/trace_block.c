#include "verbs/trace_block.h"

#include <string.h>

enum { LINKTYPE_RAW = 101, LINKTYPE_USER0 = 147 };
enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPT_COMMENT = 1, OPT_IF_NAME = 2, OPT_IF_DESCRIPTION = 3, OPT_USERAPPL = 4, OPT_TSRESOL = 9, OPT_FLAGS = 2 };

static void add16(struct sk_buf *out, unsigned v) {
    uint16_t x = (uint16_t)v;
    sk_buf_add(out, &x, sizeof x, NULL);
}

static void add32(struct sk_buf *out, uint32_t v) { sk_buf_add(out, &v, sizeof v, NULL); }

static void pad(struct sk_buf *out, size_t n) { sk_buf_add(out, "\0\0\0", -n & 3, NULL); }

static void option(struct sk_buf *out, unsigned code, const void *p, size_t n) {
    if (n == 0)
        return;
    add16(out, code);
    add16(out, (unsigned)n);
    sk_buf_add(out, p, n, NULL);
    pad(out, n);
}

/* The body between the two lengths of a block. */
static int block(struct sk_buf *out, uint32_t type, struct sk_buf *body, struct sk_err *err) {
    uint32_t size = (uint32_t)body->len + 12;
    add32(out, type);
    add32(out, size);
    sk_buf_add(out, sk_buf_data(body), body->len, err);
    int rc = sk_buf_add(out, &size, sizeof size, err);
    sk_buf_done(body);
    return rc;
}

int pcapng_section(struct sk_buf *out, struct sk_err *err) {
    static const char about[] = "What sockctl's sockets sent and received. The bytes and times are real; the headers "
                                "of IP, TCP and UDP are made for them. TLS is shown as plaintext.";
    static const char name[] = "sockctl " SOCKCTL_VERSION;
    struct sk_buf body = { 0 };
    add32(&body, 0x1a2b3c4d);
    add16(&body, 1);
    add16(&body, 0);
    add32(&body, UINT32_MAX); /* the section's length is not known */
    add32(&body, UINT32_MAX);
    option(&body, OPT_COMMENT, about, sizeof about - 1);
    option(&body, OPT_USERAPPL, name, sizeof name - 1);
    add32(&body, 0);
    return block(out, BLOCK_SECTION, &body, err);
}

int pcapng_interface(struct sk_buf *out, bool packets, const struct sk_buf *name, const char *about,
                     struct sk_err *err) {
    struct sk_buf body = { 0 };
    unsigned char nanoseconds = 9;
    add16(&body, packets ? LINKTYPE_RAW : LINKTYPE_USER0);
    add16(&body, 0);
    add32(&body, 0); /* packets of any length */
    option(&body, OPT_IF_NAME, sk_buf_data(name), name->len);
    option(&body, OPT_IF_DESCRIPTION, about, strlen(about));
    option(&body, OPT_TSRESOL, &nanoseconds, 1);
    add32(&body, 0);
    return block(out, BLOCK_INTERFACE, &body, err);
}

int pcapng_packet(struct sk_buf *out, const struct pcapng_packet *p, struct sk_err *err) {
    struct sk_buf body = { 0 };
    add32(&body, p->interface);
    add32(&body, (uint32_t)(p->at >> 32));
    add32(&body, (uint32_t)p->at);
    add32(&body, (uint32_t)p->n);
    add32(&body, (uint32_t)p->real_len);
    sk_buf_add(&body, p->bytes, p->n, NULL);
    pad(&body, p->n);
    option(&body, OPT_COMMENT, p->comment->len ? sk_buf_data(p->comment) : NULL, p->comment->len);
    option(&body, OPT_FLAGS, &(uint32_t){ p->in ? 1 : 2 }, 4);
    add32(&body, 0);
    return block(out, BLOCK_PACKET, &body, err);
}
