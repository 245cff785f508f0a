/* A stream that comes at once or in pieces, whose lengths are drawn from its own bytes. */
#ifndef FUZZ_PIECES_H
#define FUZZ_PIECES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "sock/sock.h"

struct source {
    const uint8_t *data;
    size_t size, given;
    bool whole;
};

/* The next piece; the source is the tap_arg of the socket. MSG_PEEK leaves it there. */
static inline ssize_t give(struct sk_sock *s, void *buf, size_t n, int flags) {
    struct source *src = s->tap_arg;
    size_t left = src->size - src->given, piece = left;
    if (left && !src->whole)
        piece = 1 + (src->data[src->given] * 7u + src->given) % 5;
    piece = piece < left ? piece : left;
    piece = piece < n ? piece : n;
    if (piece)
        memcpy(buf, src->data + src->given, piece);
    if (!(flags & MSG_PEEK))
        src->given += piece;
    return (ssize_t)piece;
}

#endif
