/* The session: its objects, variables and settings. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "lang/call.h"
#include "lang/frame.h"
#include "lang/script.h"
#include "lang/words.h"
#include "verbs/pass.h"

/* ---- use ---- */

static int use(struct call *c) {
    enum { NAME };
    struct object *obj = call_object(c, c->args[NAME].u.s.p);
    if (!obj)
        return -1;
    if (obj->cls != O_SOCKET && obj->cls != O_POLLER && obj->cls != O_FILE)
        return sk_fail_usage(&c->err, "use: '%s' is no socket; ls lists them", obj->name);
    c->frame->current = obj->ref;
    return 0;
}

const struct command cmd_use = {
    .name = "use",
    .group = "session",
    .summary = "choose the current socket",
    .params =
        (const struct param[]){
            ARG("NAME", K_SOCK, 1, 1, "its name"),
            { .kind = K_END },
        },
    .result = R_STATUS,
    .details = "Commands on sockets work on the current one: the one made or chosen last. -s NAME and NAME.COMMAND "
               "choose another for one "
               "command.",
    .examples = (const char *const[]){ "a = listen :0; b = listen :0; use a; getsockname", NULL },
    .run = use,
};

/* ---- print, get, vars ---- */

static int print(struct call *c) {
    enum { WORD };
    struct sk_buf line = { 0 };
    const struct arg *words = &c->args[WORD];
    bool elsewhere = c->opt->file || c->opt->from_stdin || c->opt->data_set || c->opt->secret;
    int rc = elsewhere ? call_data_whole(c, WORD, &line) : 0;
    for (uint32_t i = 0; rc == 0 && i < words->count; i++) {
        rc = i ? sk_buf_add(&line, " ", 1, &c->err) : 0;
        if (rc == 0)
            rc = sk_buf_add(&line, words->all[i].u.s.p, words->all[i].u.s.n, &c->err);
    }
    if (rc == 0)
        c->result = sk_bytes(line.len ? sk_buf_data(&line) : (const unsigned char *)"", line.len);
    sk_buf_done(&line);
    return rc;
}

const struct command cmd_print = {
    .name = "print",
    .group = "session",
    .summary = "print words, with one blank between them",
    .params =
        (const struct param[]){
            ARG("WORD", K_DATA, 0, MANY, "text with escapes; what comes from a variable is printed as it is"),
            { .kind = K_END },
        },
    .flags = PRINTS | PLAIN | DATA,
    .result = R_ONE,
    .details =
        "The bytes and a newline. A terminal gets what is not printable as escapes. NAME = print 'text' binds a value.",
    .examples = (const char *const[]){ "print hello world", "x = print 'a\\tb'; print $x",
                                       "srv = listen :0; print $srv.local", NULL },
    .run = print,
};

static int get(struct call *c) {
    enum { EXPR };
    struct sk_value v;
    struct sk_buf word = { 0 };
    if (expr_value(c->frame, c->args[EXPR].u.s.p, c->args[EXPR].u.s.n, &v, &c->err) < 0)
        return -1;
    int rc = value_word(c->ses, &v, &word, &c->err);
    if (rc == 0)
        c->result = sk_bytes(word.len ? sk_buf_data(&word) : (const unsigned char *)"", word.len);
    sk_drop(v);
    sk_buf_done(&word);
    return rc;
}

const struct command cmd_get = {
    .name = "get",
    .group = "session",
    .summary = "print a variable, or a part of it",
    .params =
        (const struct param[]){
            ARG("EXPR", K_TEXT, 1, 1, "as after $, without it: x, srv.local, ai[0].addr"),
            { .kind = K_END },
        },
    .flags = PRINTS | PLAIN,
    .result = R_ONE,
    .details = "For callers whose shell has its own $. The printed form is the one that commands accept; lists and "
               "records without such a "
               "form are JSON.",
    .examples = (const char *const[]){ "srv = listen :0; get srv.local",
                                       "ai = getaddrinfo 127.0.0.1 80; get 'ai[0].addr'", NULL },
    .run = get,
};

static const char *const type_names[] = {
    [SK_NULL] = "null",   [SK_BOOL] = "bool",    [SK_INT] = "int",       [SK_FLOAT] = "float", [SK_TEXT] = "text",
    [SK_BYTES] = "bytes", [SK_ADDR] = "address", [SK_HANDLE] = "handle", [SK_LIST] = "list",   [SK_RECORD] = "record",
};

static const char *type_of(const struct object *obj) {
    switch (obj->cls) {
    case O_SOCKET:
        return "socket";
    case O_POLLER:
        return "poller";
    case O_BUFFER:
        return "bytearray";
    case O_FILE:
        return "file";
    case O_VALUE:
        return type_names[obj->u.value.type];
    default:
        return "pending";
    }
}

/* Its value as one word in the escape notation. */
static int shown_value(struct call *c, const struct object *obj, struct sk_value *out) {
    struct sk_buf word = { 0 }, text = { 0 };
    int rc = 0;
    if (obj->cls == O_VALUE)
        rc = value_word(c->ses, &obj->u.value, &word, &c->err);
    else if (obj->cls == O_BUFFER)
        rc = sk_buf_add(&word, sk_buf_data(&obj->u.buffer), obj->u.buffer.len, &c->err);
    else if (obj->cls == O_SOCKET)
        rc = sk_buf_add_str(&word, sk_state_name(obj->u.sock), &c->err);
    else if (obj->cls == O_POLLER)
        rc = sk_buf_printf(&word, &c->err, "%zu sockets", obj->u.poller.count);
    if (rc == 0 && word.len)
        rc = sk_escape(&text, sk_buf_data(&word), word.len, 0, &c->err);
    if (rc == 0)
        *out = sk_text_n(text.len ? (const char *)sk_buf_data(&text) : "", text.len);
    sk_buf_done(&word);
    sk_buf_done(&text);
    return rc;
}

static int vars(struct call *c) {
    struct sk_value list = sk_list();
    for (struct object *obj = session_next(c->ses, NULL); obj; obj = session_next(c->ses, obj)) {
        if (!obj->name[0] || obj->cls == O_JOB)
            continue;
        struct sk_value value;
        if (shown_value(c, obj, &value) < 0) {
            sk_drop(list);
            return -1;
        }
        struct sk_value item = sk_record();
        sk_put_main(&item, "name", sk_text(obj->name));
        sk_put(&item, "type", sk_text(type_of(obj)));
        sk_put(&item, "value", value);
        sk_push(&list, item);
    }
    return call_items(c, list);
}

const struct command cmd_vars = {
    .name = "vars",
    .group = "session",
    .summary = "list the variables: names, types, values",
    .result = R_ITEMS,
    .shows = "name type value",
    .details = "Everything that has a name. Values are in the escape notation; a socket shows its state.",
    .examples = (const char *const[]){ "x = print 'a\\n'; n = htons 80; vars", NULL },
    .run = vars,
};

/* ---- source, quit ---- */

static int source(struct call *c) {
    enum { SOURCE_FILE };
    if (c->frame->depth > DEEPEST)
        return sk_fail_usage(&c->err, "source: files are nested deeper than %d; does '%s' source itself?", DEEPEST,
                             c->args[SOURCE_FILE].u.s.p);
    const char *path = c->args[SOURCE_FILE].u.s.p;
    int line = 0;
    int status = script_run_file(c->frame, path, c->sink, &c->err, &line);
    if (status < 0 && line > 0) { /* a line of it does not compile: the message names the line */
        script_refused(c->frame, c->sink, path, line, &c->err);
        c->reported = true;
    }
    return status < 0 ? -1 : status > 0 ? body_failed(c, status) : 0;
}

const struct command cmd_source = {
    .name = "source",
    .group = "session",
    .summary = "run the commands of a file, here",
    .params =
        (const struct param[]){
            ARG("FILE", K_FILE, 1, 1, "a script"),
            { .kind = K_END },
        },
    .flags = TRANSPARENT,
    .result = R_STATUS,
    .details = "What it binds stays bound. Its first failure is the failure of source; messages name FILE:LINE. Files "
               "may source others, at "
               "most 64 deep.",
    .examples = (const char *const[]){ "! printf 'print hello\\n' > t.sock\nsource t.sock", NULL },
    .run = source,
};

static int quit(struct call *c) {
    enum { STATUS };
    for (struct frame *f = c->frame; f; f = f->up) {
        f->stop = true;
        f->stop_status = (int)int_or(c, STATUS, -1);
    }
    return 0;
}

const struct command cmd_quit = {
    .name = "quit",
    .group = "session",
    .summary = "leave, with a status",
    .params =
        (const struct param[]){
            ARG("STATUS", K_INT, 0, 1, "the exit status; when left out that of the first failure, else 0", .lo = 0,
                .hi = 255),
            { .kind = K_END },
        },
    .result = R_STATUS,
    .details = "Sockets are closed and jobs cancelled.",
    .examples = (const char *const[]){ "print done; quit; print never", NULL },
    .run = quit,
};
