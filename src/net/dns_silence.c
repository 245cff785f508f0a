/* Servers that did not answer a moment ago: others are asked before them. */
#include "net/dns_parts.h"

#define GRUDGE (10 * SK_SECOND)

static struct silence {
    struct sk_addr server;
    sk_time until;
} silences[SK_SERVERS_MAX];

static struct silence *silence_of(const struct sk_addr *server) {
    for (size_t i = 0; i < SK_SERVERS_MAX; i++)
        if (sk_addr_equal(&silences[i].server, server))
            return &silences[i];
    return NULL;
}

bool sk_dns_was_silent(const struct sk_addr *server) {
    const struct silence *s = silence_of(server);
    return s && s->until > sk_now();
}

void sk_dns_note_silence(const struct sk_addr *server, bool is_silent) {
    struct silence *s = silence_of(server);
    for (size_t i = 0; is_silent && !s && i < SK_SERVERS_MAX; i++)
        if (silences[i].until <= sk_now())
            s = &silences[i];
    if (s)
        *s = (struct silence){ *server, is_silent ? sk_after(GRUDGE) : 0 };
}
