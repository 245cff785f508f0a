/* What prefix commands share: running the body and passing its end on. */
#ifndef VERBS_PASS_H
#define VERBS_PASS_H

#include "lang/call.h"

/* Run c->body once with its results going to sink: the status. */
int body_run(struct call *c, struct sink *sink);
/* The body ended with status, and said why: the same failure as this command's own, told already. Always -1. */
int body_failed(struct call *c, int status);

#endif
