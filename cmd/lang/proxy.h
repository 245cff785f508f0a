/* The options of proxies on the way, and of the PROXY header: one list for every command that connects. */
#ifndef LANG_PROXY_H
#define LANG_PROXY_H

#include <stdbool.h>

struct arg;
struct param;
struct sk_endpoint;
struct sk_err;
struct sk_proxy;

enum introduction { INTRODUCE_NOT, INTRODUCE_V1, INTRODUCE_V2, INTRODUCE_V1_UNKNOWN, INTRODUCE_V2_LOCAL };
extern const char *const introductions[]; /* the choices, in this order, from INTRODUCE_V1; NULL-terminated */

/* As typed; the credentials are not read yet. */
struct proxy_wish {
    const struct sk_proxy *proxy;              /* --proxy */
    const char *auth;                          /* --proxy-auth */
    enum introduction introduce;               /* --send-proxy */
    const struct sk_endpoint *source, *target; /* --told-source, --told-target */
};

/* Keep the value of an option. False: it is none of these. */
bool proxy_store(struct proxy_wish *wish, const struct param *row, const struct arg *arg);
/* What the kinds cannot tell, and whether an address (or NULL: not known) can be reached in that way as that type (0:
 * its own). 0 or -1. */
int proxy_check(const struct proxy_wish *wish, const struct sk_endpoint *ep, int type, struct sk_err *err);
/* "file:PATH" or "env:NAME": where a secret is, since it has no place in an argument. */
int secret_check(const char *option, const char *where, const char *what, struct sk_err *err);

#endif
