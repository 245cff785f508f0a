#include "lang/session.h"

#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lang/table.h"

struct slot {
    struct object *obj; /* NULL: free */
    uint32_t gen;       /* of its present or next object: a reference never means another object */
    uint32_t next_free; /* slot number + 1 */
};

struct session {
    struct slot *slots;
    size_t count, cap;
    uint32_t free;               /* slot number + 1 */
    struct object *first, *last; /* in order of making */
    void *by_name;               /* tsearch tree of objects */
    uint32_t automatic;          /* s1, s2, ... */
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct object *)a)->name, ((const struct object *)b)->name);
}

struct session *session_new(void) {
    return sk_alloc(sizeof(struct session));
}

static void empty(struct object *obj) {
    switch (obj->cls) {
    case O_SOCKET:
        sk_sock_free(obj->u.sock);
        break;
    case O_POLLER:
        free(obj->u.poller.list);
        break;
    case O_BUFFER:
        sk_buf_done(&obj->u.buffer);
        break;
    case O_VALUE:
        sk_drop(obj->u.value);
        break;
    default:
        break;
    }
}

void object_hold(struct object *obj) { obj->refs++; }

void object_release(struct object *obj) {
    if (--obj->refs > 0)
        return;
    empty(obj);
    free(obj);
}

void session_close(struct session *s) {
    for (struct object *o = s->first; o != NULL; o = o->after)
        if (o->cls == O_SOCKET && o->u.sock != NULL)
            sk_sock_close(o->u.sock, NULL);
}

void session_free(struct session *s) {
    while (s->first != NULL)
        session_remove(s, s->first);
    free(s->slots);
    free(s);
}

struct object *session_find(struct session *s, const char *name, size_t n) {
    struct object key;
    if (n == 0 || n > NAME_MAX_LEN)
        return NULL;
    memcpy(key.name, name, n);
    key.name[n] = '\0';
    void *found = tfind(&key, &s->by_name, compare_names);
    return found != NULL ? *(struct object **)found : NULL;
}

struct object *session_get(struct session *s, struct sk_ref ref) {
    if (ref.slot >= s->count || s->slots[ref.slot].gen != ref.gen || ref.gen == 0)
        return NULL;
    return s->slots[ref.slot].obj;
}

int name_form(const char *name, size_t n, struct sk_err *err) {
    char shown[80];
    bool good = n > 0 && n <= NAME_MAX_LEN && (isalpha((unsigned char)name[0]) || name[0] == '_');
    for (size_t i = 0; good && i < n; i++)
        good = isalnum((unsigned char)name[i]) || name[i] == '_';
    if (good)
        return 0;
    if (n > NAME_MAX_LEN)
        return sk_fail_usage(err, "the name '%s' has %zu characters; at most %d", sk_escape_cut(shown, 40, name, n), n,
                             NAME_MAX_LEN);
    return sk_fail_usage(err, "'%s' is no name; write a letter or _, then letters, digits and _",
                         sk_escape_cut(shown, sizeof shown, name, n));
}

int name_check(const char *name, size_t n, struct sk_err *err) {
    if (name_form(name, n, err) < 0)
        return -1;
    if (command_find(name, n) != NULL)
        return sk_fail_usage(err, "'%.*s' is a command; choose another name", (int)n, name);
    if (n == 1 && name[0] == '_')
        return sk_fail_usage(err, "'_' always holds the last result; choose another name");
    return 0;
}

static uint32_t take_slot(struct session *s) {
    if (s->free != 0) {
        uint32_t slot = s->free - 1;
        s->free = s->slots[slot].next_free;
        return slot;
    }
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->slots = sk_realloc(s->slots, s->cap * sizeof *s->slots);
    }
    s->slots[s->count] = (struct slot){ .gen = 1 };
    return (uint32_t)s->count++;
}

static struct object *insert(struct session *s, const char *name, enum object_class cls) {
    uint32_t slot = take_slot(s);
    struct object *obj = sk_alloc(sizeof *obj);
    snprintf(obj->name, sizeof obj->name, "%s", name);
    obj->cls = cls;
    obj->refs = 1;
    obj->ref = (struct sk_ref){ .slot = slot, .gen = s->slots[slot].gen };
    s->slots[slot].obj = obj;
    obj->before = s->last;
    *(s->last != NULL ? &s->last->after : &s->first) = obj;
    s->last = obj;
    if (tsearch(obj, &s->by_name, compare_names) == NULL)
        abort(); /* no memory; small allocations do not report it */
    return obj;
}

struct object *session_bind(struct session *s, const char *name, enum object_class cls, struct sk_err *err) {
    char automatic[NAME_MAX_LEN + 1];
    if (name == NULL) {
        do
            snprintf(automatic, sizeof automatic, "s%u", ++s->automatic);
        while (session_find(s, automatic, strlen(automatic)) != NULL);
        return insert(s, automatic, cls);
    }
    if (name_check(name, strlen(name), err) < 0)
        return NULL;
    struct object *old = session_find(s, name, strlen(name));
    if (old != NULL)
        session_remove(s, old);
    return insert(s, name, cls);
}

void session_remove(struct session *s, struct object *obj) {
    if (session_get(s, obj->ref) != obj)
        return;
    struct slot *slot = &s->slots[obj->ref.slot];
    tdelete(obj, &s->by_name, compare_names);
    *(obj->before != NULL ? &obj->before->after : &s->first) = obj->after;
    *(obj->after != NULL ? &obj->after->before : &s->last) = obj->before;
    *slot = (struct slot){ .gen = slot->gen + 1, .next_free = s->free };
    s->free = obj->ref.slot + 1;
    if (obj->cls == O_SOCKET && obj->u.sock != NULL)
        sk_sock_close(obj->u.sock, NULL);
    object_release(obj);
}

struct object *session_next(struct session *s, const struct object *after) {
    return after != NULL ? after->after : s->first;
}

size_t session_open_sockets(struct session *s, char *names, size_t size, struct object **only) {
    size_t count = 0, used = 0;
    if (size > 0)
        names[0] = '\0';
    for (struct object *o = session_next(s, NULL); o != NULL; o = session_next(s, o)) {
        if (o->cls != O_SOCKET || o->u.sock == NULL || o->u.sock->state == SK_CLOSED)
            continue;
        if (only != NULL)
            *only = o;
        count++;
        if (used + sizeof o->name + 5 < size)
            used += (size_t)snprintf(names + used, size - used, "%s%s", used ? " " : "", o->name);
        else if (used + 5 < size)
            used += (size_t)snprintf(names + used, size - used, " ...");
    }
    return count;
}
