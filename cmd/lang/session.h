/* Objects by name: sockets, pollers, buffers, files, values, jobs. Shared by everything that runs in it. */
#ifndef LANG_SESSION_H
#define LANG_SESSION_H

#include "base/buf.h"
#include "base/value.h"
#include "run/task.h"
#include "sock/poll.h"
#include "sock/sock.h"

enum object_class { O_SOCKET, O_POLLER, O_BUFFER, O_FILE, O_VALUE, O_JOB, O_PENDING };

#define NAME_MAX_LEN 64

struct poll_entry {
    struct sk_ref ref;
    char name[NAME_MAX_LEN + 1];
    short events;
};

struct object {
    char name[NAME_MAX_LEN + 1]; /* "" : no longer reachable by name */
    enum object_class cls;
    struct sk_ref ref;
    uint32_t refs; /* the table's own, and one for each call that uses it */
    bool bare;     /* a socket made by socket or bind: connect and listen take it when it is the current one */
    bool ended;    /* a socket: a command has told that the peer ended */
    struct object *before, *after; /* in order of making */
    union {
        struct sk_sock *sock;
        struct {
            struct poll_entry *list;
            size_t count, cap;
        } poller;
        struct sk_buf buffer;
        struct {
            struct sk_ref sock;
            bool readable, writable;
        } file;
        struct sk_value value;
        struct job *job;
        uint32_t pending; /* a name that a job will bind: the job's number */
    } u;
};

struct session;
struct session *session_new(void);
void session_close(struct session *s); /* all sockets */
void session_free(struct session *s);  /* cancels jobs, closes sockets */

struct object *session_find(struct session *s, const char *name, size_t n); /* NULL */
struct object *session_get(struct session *s, struct sk_ref ref);           /* NULL when it is gone */
/* Make an object under name (NULL: automatic, s1, s2, ...). A name already bound is bound anew: an open socket there is
 * closed, a value dropped. SK_USAGE for a bad name or one that is a command's. */
struct object *session_bind(struct session *s, const char *name, enum object_class cls, struct sk_err *err);
void session_remove(struct session *s, struct object *obj);
void object_hold(struct object *obj);
void object_release(struct object *obj);
/* Next object in order of making; start with NULL. */
struct object *session_next(struct session *s, const struct object *after);
/* "srv cli conn" for messages; count of open sockets. */
size_t session_open_sockets(struct session *s, char *names, size_t size, struct object **only);
int name_form(const char *name, size_t n, struct sk_err *err); /* the form alone */
int name_check(const char *name, size_t n,
               struct sk_err *err); /* letter or _, then letters, digits, _; at most 64; no command word */

#endif
