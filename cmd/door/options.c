/* Tab after setsockopt and getsockopt: options that the socket may have, and their values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "door/live.h"
#include "lang/call.h"
#include "net/iface.h"
#include "net/sockopt.h"

/* The socket that is meant, or NULL. */
static const struct sk_sock *meant(struct frame *f, const char *name, size_t n) {
    const struct object *obj = f == NULL ? NULL : n ? session_find(f->ses, name, n) : session_get(f->ses, f->current);
    return obj && obj->cls == O_SOCKET && obj->u.sock->state != SK_CLOSED ? obj->u.sock : NULL;
}

/* May such a socket have options of this level? */
static bool suits(const struct sk_sock *s, const struct sk_sockopt *row) {
    if (s == NULL || row->level == SOL_SOCKET)
        return true;
    bool four = s->family == AF_INET, six = s->family == AF_INET6;
    if (row->level == IPPROTO_IP)
        return four || six; /* a socket of both */
    if (row->level == IPPROTO_IPV6)
        return six;
    return (four || six) && row->level == s->proto;
}

static bool is_level(const char *word) {
    size_t count;
    const struct sk_sockopt *rows = sk_sockopts(&count);
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(rows[i].level_name, word) == 0)
            return true;
    return false;
}

/* Nothing can be set. */
static bool is_fixed(const struct sk_sockopt *row) {
    return row->type == SK_OPT_REFUSED || (row->note != NULL && strncmp(row->note, "read only", 9) == 0);
}

static void names(const struct sk_sock *s, const char *level, bool sets, live_offer *offer, void *arg) {
    size_t count;
    const struct sk_sockopt *rows = sk_sockopts(&count);
    for (size_t i = 0; i < count; i++)
        if ((level != NULL ? strcasecmp(rows[i].level_name, level) == 0 : suits(s, &rows[i])) &&
            !(sets && is_fixed(&rows[i])))
            offer(arg, rows[i].name, rows[i].level_name);
}

static void interfaces(live_offer *offer, void *arg) {
    struct sk_value list;
    if (sk_if_list(&list, NULL) < 0)
        return;
    for (size_t i = 0; i < list.u.seq->count; i++) {
        const struct sk_value *name = sk_get(&list.u.seq->items[i].value, "name");
        if (name && name->type == SK_TEXT)
            offer(arg, (const char *)name->u.s->data, "an interface");
    }
    sk_drop(list);
}

/* What the kernel has loaded for TCP_CONGESTION. */
static void congestion(live_offer *offer, void *arg) {
    char line[512], *rest = NULL;
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "re");
    if (file && fgets(line, sizeof line, file))
        for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
            offer(arg, word, "this kernel has it");
    if (file)
        fclose(file);
}

static void now(struct frame *f, const struct sk_sock *s, const struct sk_sockopt *row, live_offer *offer, void *arg) {
    struct sk_value record;
    struct sk_buf text = { 0 };
    if (s == NULL || sk_sockopt_get(s->fd, row, NULL, 0, &record, NULL) < 0)
        return;
    const struct sk_value *value = sk_get(&record, "value");
    if (value && (value->type == SK_INT || value->type == SK_TEXT) && value_word(f->ses, value, &text, NULL) == 0 &&
        text.len > 0 && sk_buf_add(&text, "", 1, NULL) == 0)
        offer(arg, (const char *)sk_buf_data(&text), "as it is now");
    sk_buf_done(&text);
    sk_drop(record);
}

static void values(struct frame *f, const struct sk_sock *s, const struct sk_sockopt *row, live_offer *offer,
                   void *arg) {
    for (const struct sk_optword *w = row->words; w && w->name; w++)
        offer(arg, w->name, "");
    if (row->type == SK_OPT_BOOL || row->type == SK_OPT_LINGER) {
        offer(arg, row->type == SK_OPT_BOOL ? "on" : "on,5", row->type == SK_OPT_BOOL ? "" : "for 5 seconds");
        offer(arg, "off", "");
    } else if (row->type == SK_OPT_IFNAME || row->type == SK_OPT_IFINDEX || row->type == SK_OPT_IFADDR) {
        interfaces(offer, arg);
    } else if (strcmp(row->name, "TCP_CONGESTION") == 0) {
        congestion(offer, arg);
    } else {
        now(f, s, row, offer, arg);
    }
}

void live_options(struct frame *f, const char *name, size_t n, const char *const *before, size_t count, bool sets,
                  live_offer *offer, void *arg) {
    struct sk_sockopt scratch;
    const struct sk_sock *s = meant(f, name, n);
    bool level = count > 0 && is_level(before[0]);
    if (count <= (level ? 1u : 0u)) {
        names(s, level ? before[0] : NULL, sets, offer, arg);
        return;
    }
    const struct sk_sockopt *row = sets ? sk_sockopt_find(level ? before[0] : "", before[level], &scratch, NULL) : NULL;
    if (row)
        values(f, s, row, offer, arg);
}
