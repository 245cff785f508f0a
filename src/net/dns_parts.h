/* What the files of name resolution share. Other rooms use dns.h. */
#ifndef SK_NET_DNS_PARTS_H
#define SK_NET_DNS_PARTS_H

#include <sys/stat.h>

#include "net/dns.h"

enum { SK_SERVERS_MAX = 16 };

/* What resolv.conf says, with our defaults where it says nothing (resolver(5)). */
struct sk_resolv_conf {
    struct sk_addr servers[SK_SERVERS_MAX]; /* never none; of the file's as many as libc asks */
    size_t server_count;
    char domains[6][256]; /* the search list */
    int ndomains, ndots, tries, timeout_ms;
    bool rotate;
    bool has_none; /* the file, if there is one, names no server */
};
void sk_resolv_conf(struct sk_resolv_conf *conf, const char *path);

/* What a lookup takes with it: nothing of it changes while it waits. */
struct sk_question {
    struct sk_resolv_conf conf; /* or the servers that the caller wants */
    bool tcp;
    sk_time start, deadline;
};
void sk_question_init(struct sk_question *question, const struct sk_lookup *how, sk_time deadline);
/* One name as it is, its AAAA and A where wanted. `shown` is what the message calls it. */
int sk_dns_ask_one(const char *name, const char *shown, const bool wanted[2], const struct sk_question *question,
                   struct sk_addrs *out, struct sk_err *err);
/* A and AAAA from DNS, each where wanted, at once; IPv6 first in *out. -1: SK_GAI, or what the wait failed with. */
int sk_dns_ask_both(const char *name, bool want4, bool want6, const struct sk_lookup *how, sk_time deadline,
                    struct sk_addrs *out, struct sk_err *err);
struct sk_op;
/* What one server said in an operation of its channel that is over: 0; 1: not the last word, ask again as above; -1
 * SK_GAI. */
int sk_dns_conclude(struct sk_op *op, const char *shown, const struct sk_question *question, struct sk_addrs *out,
                    struct sk_err *err);
/* PTR from DNS: 0 and *name, the caller's to free, or NULL where the servers answered and gave none. -1: they were
 * silent. */
int sk_dns_ask_name(const struct sk_addr *addr, const struct sk_lookup *how, sk_time deadline, char **name,
                    struct sk_origin *origin, struct sk_err *err);

/* Did the server not answer when it was last asked, a few seconds ago at most? */
bool sk_dns_was_silent(const struct sk_addr *server);
void sk_dns_note_silence(const struct sk_addr *server, bool is_silent);

/* The name as it is sent: checked, in A-labels. Errors: SK_GAI EAI_NONAME. */
int sk_dns_name(const char *name, char ascii[256], struct sk_err *err);
/* A name that may be sent to DNS: labels of 1 to 63 letters, digits, '-' and '_', 253 in all, no number at the end. */
bool sk_dns_is_name(const char *name);
/* A name as getaddrinfo(3) would look it up: hosts alone decide when they know it, then localhost, then DNS. */
int sk_resolve_as_libc(const char *name, int family, const struct sk_lookup *how, sk_time deadline,
                       struct sk_addrs *out, struct sk_err *err);

/* A file as it was when it was read. */
struct sk_stamp {
    bool is_known, is_there;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};
/* While true, a file that was read counts as unchanged: for who asks a hundred thousand times a second. */
extern bool sk_stamps_held;
/* Is it another file now, or has it come or gone? The stamp is then of the new one. All zero: never read; true. */
bool sk_stamp_changed(struct sk_stamp *stamp, const char *path);

#endif
