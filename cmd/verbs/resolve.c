/* resolve: the addresses of many names. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "lang/frame.h"
#include "lang/render.h"
#include "net/bulk.h"
#include "run/fd.h"
#include "run/task.h"
#include "verbs/each.h"
#include "verbs/io.h"
#include "verbs/lines.h"

enum { NAME, FROM, ATTEMPT, CONCURRENCY, ORDERED, REVERSE, RATE };
enum { CONCURRENCY_DEFAULT = 256, CONCURRENCY_MOST = 16000, RATE_MOST = 10000000 };
#define ATTEMPT_DEFAULT (10 * SK_SECOND)
#define FIRST_PROGRESS  SK_SECOND
#define NEXT_PROGRESS   (SK_SECOND / 4)

struct resolving {
    struct call *c;
    struct sk_bulk *bulk;
    struct sk_err err; /* of the task that reads names */
    bool has_failed;
    sk_time start, progress;
    bool is_shown;
    bool is_guess; /* resolv.conf names no server */
};

/* ---- Names ---- */

static int add(struct resolving *r, const char *name, size_t n) {
    return sk_bulk_add(r->bulk, name, n, r->c->deadline, &r->err);
}

static int add_file(struct resolving *r, int fd) {
    struct lines list = { .fd = fd };
    const char *line;
    size_t n;
    int more;
    while ((more = lines_next(&list, &line, &n, r->c->deadline, &r->err)) > 0 && (more = add(r, line, n)) == 0)
        ;
    lines_done(&list);
    return more;
}

static int add_stdin(struct resolving *r) {
    if (r->c->frame->host->stdin_was_closed)
        return sk_fail(&r->err, SK_SYS, EBADF, "read", "stdin is closed");
    return add_file(r, STDIN_FILENO);
}

static int add_path(struct resolving *r, const char *path) {
    if (strcmp(path, "-") == 0)
        return add_stdin(r);
    int fd = call_open(r->c, path);
    if (fd < 0) {
        r->err = r->c->err;
        return -1;
    }
    int rc = add_file(r, fd);
    sk_fd_close(fd, NULL);
    return rc;
}

static int read_names(void *arg) {
    struct resolving *r = arg;
    const struct arg *names = &r->c->args[NAME];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < names->count; i++)
        rc = names->all[i].u.s.p ? add(r, names->all[i].u.s.p, names->all[i].u.s.n) : add_stdin(r);
    if (rc == 0 && has(r->c, FROM))
        rc = add_path(r, r->c->args[FROM].u.s.p);
    r->has_failed = rc < 0;
    sk_bulk_end(r->bulk);
    return 0;
}

/* ---- Answers ---- */

static void add_record(struct sk_value *records, struct sk_value type, int ttl, const char *data) {
    struct sk_value record = sk_record();
    sk_put(&record, "type", type);
    sk_put(&record, "ttl", ttl >= 0 ? sk_int(ttl) : sk_null());
    sk_put_main(&record, "data", sk_text(data));
    sk_push(records, record);
}

/* One value for all records of a type. */
static struct sk_value type_of(const struct sk_addr *addr) {
    static struct sk_value a, aaaa;
    struct sk_value *type = addr->u.sa.sa_family == AF_INET6 ? &aaaa : &a;
    if (type->type == SK_NULL)
        *type = sk_text(type == &a ? "A" : "AAAA");
    return sk_copy(*type);
}

static struct sk_value item_of(const struct sk_answer *a) {
    char text[SK_ADDR_TEXT];
    if (!a->ok)
        return each_failure(a->name, &a->err, &a->addrs.origin);
    struct sk_value item = sk_record(), records = sk_list();
    if (a->host)
        add_record(&records, sk_text("PTR"), -1, a->host);
    for (size_t i = 0; i < a->addrs.count && !a->host; i++)
        add_record(&records, type_of(&a->addrs.list[i]), a->addrs.ttl[i],
                   sk_addr_host(text, sizeof text, &a->addrs.list[i]));
    sk_put_main(&item, "name", sk_text_n(a->name, a->n));
    sk_put(&item, "records", records);
    if (a->missing)
        sk_put(&item, "missing", sk_text(a->missing == AF_INET6 ? "AAAA" : "A"));
    return item;
}

/* "NAME ADDRESS ADDRESS", "NAME ! CODE why" */
static int resolve_line(const struct call *c, const struct sk_value *item, bool terminal, struct sk_buf *out,
                        struct sk_err *err) {
    (void)c;
    (void)terminal;
    if (sk_get(item, "error"))
        return each_failure_line(item, out, err);
    const struct sk_blob *name = sk_get(item, "name")->u.s;
    const struct sk_seq *records = sk_get(item, "records")->u.seq;
    if (text_clean(out, name->data, name->len, false, err) < 0)
        return -1;
    for (size_t i = 0; i < records->count; i++) {
        const struct sk_blob *data = sk_get(&records->items[i].value, "data")->u.s;
        if (sk_buf_add(out, " ", 1, err) < 0 || text_clean(out, data->data, data->len, false, err) < 0)
            return -1;
    }
    return sk_buf_add(out, "\n", 1, err);
}

/* The same without a record, where nobody wants one: there may be millions. */
static int tell_plainly(struct call *c, const struct sk_answer *a, struct sk_buf *line) {
    char text[SK_ADDR_TEXT];
    sk_buf_clear(line);
    int rc = text_clean(line, a->name, a->n, false, &c->err);
    if (rc == 0 && a->host && (rc = sk_buf_add(line, " ", 1, &c->err)) == 0)
        rc = text_clean(line, a->host, strlen(a->host), false, &c->err);
    for (size_t i = 0; rc == 0 && i < a->addrs.count && !a->host; i++) {
        sk_addr_host(text + 1, sizeof text - 1, &a->addrs.list[i]);
        text[0] = ' ';
        rc = sk_buf_add_str(line, text, &c->err);
    }
    if (rc < 0 || sk_buf_add(line, "\n", 1, &c->err) < 0)
        return -1;
    return call_line(c, sk_buf_data(line), line->len);
}

/* ---- How it goes ---- */

static void summary(const struct resolving *r, const struct sk_bulk_count *n, char *dst, size_t size) {
    char span[32];
    sk_time took = sk_now() - r->start;
    snprintf(dst, size, "%llu name%s: %llu resolved, %llu unknown, %llu failed; %.0f/s, %s", (unsigned long long)n->out,
             n->out == 1 ? "" : "s", (unsigned long long)n->ok, (unsigned long long)n->unknown,
             (unsigned long long)n->failed, took > 0 ? (double)n->out * (double)SK_SECOND / (double)took : 0.0,
             sk_format_time(span, sizeof span, (took / SK_MS + 1) * SK_MS));
}

static void show_progress(struct resolving *r) {
    char line[160];
    struct sk_bulk_count n;
    sk_time now;
    if (!r->c->frame->host->progress || (now = sk_now()) < r->progress)
        return;
    r->progress = now + NEXT_PROGRESS;
    r->is_shown = true;
    sk_bulk_counts(r->bulk, &n);
    summary(r, &n, line, sizeof line);
    r->c->frame->host->progress(line);
}

static int conclude(struct resolving *r) {
    struct call *c = r->c;
    struct sk_bulk_count n;
    char line[160];
    sk_bulk_counts(r->bulk, &n);
    if (r->has_failed) {
        c->err = r->err;
        return -1;
    }
    summary(r, &n, line, sizeof line);
    c->warns = c->frame->host->is_terminal(STDERR_FILENO) && n.out > 1;
    call_note(c, "%s%s", line, n.again ? ", some asked again" : "");
    c->warns |= n.partial > 0;
    if (n.partial)
        call_note(c, "%llu of these without an answer for one family; --json says which",
                  (unsigned long long)n.partial);
    io_note_guess(c, &(struct sk_origin){ .is_guess = r->is_guess });
    c->told = true;
    if (n.ok == n.out)
        return 0;
    return sk_fail(&c->err, SK_GAI, n.failed ? EAI_AGAIN : EAI_NONAME, "resolve",
                   "resolve: %llu of %llu names not resolved", (unsigned long long)(n.out - n.ok),
                   (unsigned long long)n.out);
}

/* What is known of the names that have no line, when it ends before its time. */
static void tell_rest(struct resolving *r) {
    struct sk_bulk_count n;
    sk_bulk_counts(r->bulk, &n);
    call_note(r->c, "%llu names have their line, %llu more were read", (unsigned long long)n.out,
              (unsigned long long)(n.in - n.out));
}

static int take_answers(struct resolving *r) {
    const struct sk_answer *a;
    struct call *c = r->c;
    struct sk_buf line = { 0 };
    int more;
    while ((more = sk_bulk_next(r->bulk, &a, c->deadline, &c->err)) > 0) {
        c->more = sk_bulk_ready(r->bulk);
        r->is_guess |= !a->ok && a->addrs.origin.is_guess;
        bool is_plain = a->ok && call_wants_line(c);
        if ((is_plain ? tell_plainly(c, a, &line) : call_item(c, item_of(a))) < 0) {
            more = -1;
            break;
        }
        show_progress(r);
    }
    sk_buf_done(&line);
    return more;
}

static int run_resolve(struct call *c) {
    if (!has(c, NAME) && !has(c, FROM))
        return sk_fail_usage(&c->err, "resolve: which names? write them, or - to read them from stdin, or --file FILE");
    struct sk_bulking how = {
        .lookup = &c->opt->lookup,
        .family = c->opt->family,
        .most = (unsigned)int_or(c, CONCURRENCY, CONCURRENCY_DEFAULT),
        .rate = (unsigned)int_or(c, RATE, 0),
        .attempt = has(c, ATTEMPT) ? c->args[ATTEMPT].u.t : ATTEMPT_DEFAULT,
        .ordered = flag(c, ORDERED),
        .reverse = flag(c, REVERSE),
    };
    struct resolving r = { .c = c, .start = sk_now(), .bulk = sk_bulk_new(&how) };
    struct sk_scope scope;
    r.progress = r.start + FIRST_PROGRESS;
    sk_scope_init(&scope);
    int rc = sk_spawn(&scope, "names", read_names, &r, &c->err) ? take_answers(&r) : -1;
    if (r.is_shown)
        c->frame->host->progress("");
    sk_scope_done(&scope);
    if (rc == 0)
        rc = conclude(&r);
    else if (c->err.kind == SK_TIMEOUT || c->err.kind == SK_CANCELED)
        tell_rest(&r);
    sk_bulk_free(r.bulk);
    return rc;
}

const struct command cmd_resolve = {
    .name = "resolve",
    .group = "names",
    .summary = "find the addresses of many names",
    .params =
        (const struct param[]){
            [NAME] = ARG("NAME", K_HOST, 0, MANY, "names of hosts; - reads them from stdin, one a line"),
            [FROM] = OPT(0, "file", K_FILE, "read names from FILE, one a line"),
            [ATTEMPT] = OPT(0, "attempt", K_TIME, "how long a name may take that is asked for again (default 10s)"),
            [CONCURRENCY] = OPT(0, "concurrency", K_INT, "questions under way at the same time, at most (default 256)",
                                .lo = 1, .hi = CONCURRENCY_MOST),
            [ORDERED] = OPT(0, "ordered", K_FLAG, "answers in the order of the names, not as they come"),
            [REVERSE] = OPT(0, "ptr", K_FLAG, "the names of addresses, instead of the addresses of names"),
            [RATE] = OPT(0, "rate", K_INT, "names asked for in a second, at most", .lo = 1, .hi = RATE_MOST),
            { .kind = K_END },
        },
    .flags = FAMILIES | NAMES | WAITS | NO_DEFAULT_TIMEOUT | EACH,
    .result = R_ITEMS,
    .shows = "name records",
    .line = resolve_line,
    .details =
        "One line a name: the name and its addresses, or the name, an exclamation mark, and why there are none. Status "
        "0 when all were resolved, 4 when not. Both A and AAAA are asked for; -4 and -6 ask for one. Lines of a list "
        "may end as in DOS; empty ones and comments after # do not count.\n"
        "Names are looked up as everywhere: --resolve, the hosts file and localhost answer without DNS, as do "
        "addresses, which are their own answer. Each name is told once. What was lost, or is not settled by the first "
        "server, is asked for again, by all servers and with the search list. How many questions are under way adapts "
        "to what is lost; only names that are under way are held in memory.\n"
        "--ptr asks the other way round: operands and lists are addresses, and the names of each are told.\n"
        "There is no default time limit for all together; -t sets one. -v, or stderr on a terminal, shows a summary.",
    .examples =
        (const char *const[]){
            "resolve localhost 127.0.0.1 ::1",
            "resolve -4 --resolve a.example:192.0.2.1 --ordered a.example localhost",
            "resolve --ptr 127.0.0.1",
            "fails 4 resolve --no-hosts 256.0.0.1",
            NULL,
        },
    .run = run_resolve,
};
