/* What the tests of messages share: looking into ancillary items. */
#ifndef MSG_KIT_H
#define MSG_KIT_H

#include "sock_kit.h"

#include "sock/msg.h"

KIT const char *text_of(const struct sk_value *record, const char *key) {
    const struct sk_value *v = sk_get(record, key);
    return v && v->type == SK_TEXT ? v->u.s->data : "(none)";
}

KIT int64_t int_of(const struct sk_value *record, const char *key) {
    const struct sk_value *v = sk_get(record, key);
    return v && v->type == SK_INT ? v->u.i : -12345;
}

/* The item of a type, or a failure. */
KIT const struct sk_value *item(const struct sk_message *m, const char *type) {
    for (int64_t i = 0; sk_at(&m->items, i); i++)
        if (strcmp(text_of(sk_at(&m->items, i), "type"), type) == 0)
            return sk_at(&m->items, i);
    fail_msg("no %s came", type);
    return NULL;
}

#define assert_message(s, n, flags, m, text)                                                                           \
    do {                                                                                                               \
        assert_ok(sk_recvmsg(s, n, 0, flags, m, soon(), err));                                                         \
        assert_int_equal((m)->data.len, strlen(text));                                                                 \
        if ((m)->data.len)                                                                                             \
            assert_memory_equal(sk_buf_data(&(m)->data), text, strlen(text));                                          \
    } while (0)

#endif
