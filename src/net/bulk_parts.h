/* What the files of bulk lookups share. */
#ifndef SK_NET_BULK_PARTS_H
#define SK_NET_BULK_PARTS_H

#include <netdb.h>

#include "net/bulk.h"
#include "net/dns_parts.h"
#include "run/sync.h"
#include "run/task.h"

enum { SK_WINDOW_LEAST = 64, SK_WINDOW_SAMPLE = 200 /* questions after which it is set anew */ };

struct sk_entry {
    struct sk_answer answer;
    struct sk_entry *next, *older; /* in its list; of all */
    struct sk_op *op;              /* its question of the first pass */
    sk_time asked;                 /* then */
    bool has_answer[2];            /* of IPv6, IPv4: its addresses are known from the first pass */
    bool is_done;
    char *text;
    size_t room;
};

struct sk_entries {
    struct sk_entry *first, *last;
    unsigned count;
};

struct sk_bulk {
    struct sk_bulking how;
    struct sk_lookup lookup;
    struct sk_question question;
    size_t server; /* of the question's, asked in the first pass */
    struct sk_entries idle, waiting, again, done;
    struct sk_entry **ring;        /* ordered: by number; the next to go out is count.out */
    struct sk_entry *out, *newest; /* handed out; of all */
    unsigned cap;
    unsigned under_way, doubtful; /* questions of the first pass; names of the second */
    unsigned window, sampled, lost, silences;
    sk_time span, spread; /* how long answers take, and how much that differs; 0: not known */
    sk_time look;         /* when to look for questions that are late */
    sk_time files_until, start;
    struct sk_bulk_count count;
    bool is_ended;
    struct sk_scope tasks;
    unsigned at_work, resting;
    unsigned mute;                /* questions of the second pass, one after the other, that nobody answered */
    bool is_tried;                /* then: one of them is asked for with patience */
    struct sk_origin mute_origin; /* who was silent */
    struct sk_event news, room, doubts;
};

static inline void sk_push_entry(struct sk_entries *list, struct sk_entry *e) {
    e->next = NULL;
    *(list->first ? &list->last->next : &list->first) = e;
    list->last = e;
    list->count++;
}

static inline struct sk_entry *sk_pop_entry(struct sk_entries *list) {
    struct sk_entry *e = list->first;
    if (e) {
        list->first = e->next;
        list->count--;
    }
    return e;
}

/* An answer is known. */
void sk_bulk_finish(struct sk_bulk *b, struct sk_entry *e, bool ok);
/* No such name, or no address of this kind. */
bool sk_bulk_is_unknown(const struct sk_err *err);
/* The first pass: send questions, as many as may be under way. 0, or -1; *when: not before then, on account of the
 * rate. */
int sk_bulk_begin(struct sk_bulk *b, sk_time *when, struct sk_err *err);
/* Take what the server said; when that is nothing, wait. What is late goes to the second pass. 0, or -1 at the limit or
 * when cancelled. */
int sk_bulk_pump(struct sk_bulk *b, sk_time limit, struct sk_err *err);

#endif
