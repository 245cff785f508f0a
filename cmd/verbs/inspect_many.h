/* Many targets of the command tls: a task reads them (inspect_list.c), others look at them, and the command tells what
 * came of it (inspect.c). */
#ifndef VERBS_INSPECT_MANY_H
#define VERBS_INSPECT_MANY_H

#include "run/sync.h"
#include "run/task.h"
#include "verbs/inspect.h"

enum { AHEAD = 1024 /* targets in here, at most */ };

struct target {
    struct target *next;
    uint64_t number;
    char *text;
    struct sk_endpoint ep;
    struct inspected found;
};

struct queue {
    struct target *first, **end;
};

struct tls_run {
    struct call *c;
    const struct arg *addr; /* the operands */
    struct inspecting how;
    unsigned most, at_work;
    struct target *ring[AHEAD]; /* ordered: those that are done, by number; the next to be told is `told` */
    struct queue waiting, done; /* not ordered: done, as they come */
    bool ordered, ended;
    uint64_t in, told, well;
    struct sk_event news, room;
    struct sk_scope tasks;
    struct sk_err why; /* of the task that reads targets */
    bool has_failed;
    struct sk_err worst;
    int status;
};

static inline void target_push(struct queue *q, struct target *t) {
    *q->end = t;
    q->end = &t->next;
}

static inline struct target *target_pop(struct queue *q) {
    struct target *t = q->first;
    if (t && !(q->first = t->next))
        q->end = &q->first;
    if (t)
        t->next = NULL;
    return t;
}

/* A task: read all targets and have them looked at; r->ended at its end. */
int inspect_add_all(void *arg);
/* Can it be looked at? SK_USAGE. */
int inspect_check_target(const struct sk_endpoint *ep, int family, struct sk_err *err);

#endif
