/* What the files of the command tls share: many targets (inspect.c), one of them (inspect_one.c), its text
 * (inspect_text.c). */
#ifndef VERBS_INSPECT_H
#define VERBS_INSPECT_H

#include "lang/call.h"
#include "sock/dial.h"
#include "sock/tls.h"
#include "sock/upgrade.h"

struct inspecting { /* how, the same for all */
    struct sk_tls_settings *settings;
    struct sk_dial_how dial;
    const char *name;          /* --verify-name, or NULL: what is connected to */
    struct sk_upgrade upgrade; /* protocol NULL: TLS from the first byte */
    sk_time deadline;          /* of all together */
    sk_time attempt;           /* of one */
    sk_time warn;              /* certificates must last so long; 0: as long as they say */
    bool resume;               /* look whether a second connection goes on with the session of the first */
};

/* What came of one target: the item, and its failure when all is not well (kind, code, sentence). */
struct inspected {
    struct sk_value item;
    struct sk_err err;
    int status; /* of err, or 0 */
};

/* Connect, make the handshake, and tell all about it. TEXT is what the target is called. */
void inspect_target(const struct inspecting *how, const char *text, const struct sk_endpoint *ep,
                    struct inspected *out);
/* The same of the certificates in a file. -1 with *err when it has none. */
int inspect_file(const struct inspecting *how, const struct sk_tls_file *file, struct inspected *out,
                 struct sk_err *err);
/* The item of what the module reported about certificates that no connection brought. */
void inspect_report(const struct inspecting *how, const char *text, const struct sk_value *report,
                    struct inspected *out);
/* It failed before anything was seen; origin, or NULL: who said so of a name. */
void inspect_failed(const char *text, const struct sk_err *why, const struct sk_origin *origin, struct inspected *out);
/* The status that counts more: what got further (INTERFACE.md B2). */
bool inspect_outweighs(int status, int other);

/* The text of an item: a block of lines, or with `brief` one. */
int inspect_text(const struct sk_value *item, bool brief, bool terminal, struct sk_buf *out, struct sk_err *err);

#endif
