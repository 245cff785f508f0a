/* What a command returns: small, by value; larger payloads are counted references. */
#ifndef SK_BASE_VALUE_H
#define SK_BASE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sk_type { SK_NULL, SK_BOOL, SK_INT, SK_FLOAT, SK_TEXT, SK_BYTES, SK_ADDR, SK_HANDLE, SK_LIST, SK_RECORD };

struct sk_blob { /* bytes of text, of data, or of a sockaddr; a NUL follows */
    uint32_t refs;
    size_t len;
    size_t real_len; /* of a datagram that was cut; else len */
    char data[];
};

struct sk_ref { /* an object of the session: never a pointer or a descriptor */
    uint32_t slot, gen;
};

struct sk_value {
    enum sk_type type;
    union {
        bool b;
        int64_t i;
        double f;
        struct sk_blob *s;  /* SK_TEXT, SK_BYTES, SK_ADDR */
        struct sk_ref ref;  /* SK_HANDLE */
        struct sk_seq *seq; /* SK_LIST, SK_RECORD */
    } u;
};

struct sk_item {
    const char *key; /* a constant or of sk_key; NULL in a list. "" : the item's own JSON fields stand in place of it
                        (bytes, sockets) */
    struct sk_value value;
};

#define SK_NO_MAIN     UINT32_MAX
#define SK_FIRST_ITEMS 4 /* most records are small: one allocation */

struct sk_seq {
    uint32_t refs;
    uint32_t main; /* of a record: the item that stands for it where one word is wanted, or SK_NO_MAIN */
    size_t count, cap;
    struct sk_item *items; /* first, until there are more */
    struct sk_item first[SK_FIRST_ITEMS];
};

/* Makers. The caller owns one reference. */
static inline struct sk_value sk_null(void) { return (struct sk_value){ .type = SK_NULL }; }
static inline struct sk_value sk_bool(bool b) { return (struct sk_value){ .type = SK_BOOL, .u.b = b }; }
static inline struct sk_value sk_int(int64_t i) { return (struct sk_value){ .type = SK_INT, .u.i = i }; }
static inline struct sk_value sk_float(double f) { return (struct sk_value){ .type = SK_FLOAT, .u.f = f }; }
struct sk_value sk_text(const char *s);
struct sk_value sk_text_n(const void *p, size_t n);
struct sk_value sk_bytes(const void *p, size_t n);
struct sk_value sk_bytes_cut(const void *p, size_t n, size_t real_len); /* truncated when real_len > n */
struct sk_value sk_sockaddr(const void *sa, size_t len);
static inline struct sk_value sk_handle(struct sk_ref ref) {
    return (struct sk_value){ .type = SK_HANDLE, .u.ref = ref };
}
struct sk_value sk_list(void);
struct sk_value sk_record(void);

/* Which member of the union holds a counted payload. */
static inline bool sk_is_blob(enum sk_type t) { return t == SK_TEXT || t == SK_BYTES || t == SK_ADDR; }
static inline bool sk_is_seq(enum sk_type t) { return t == SK_LIST || t == SK_RECORD; }

/* One more reference to the same payload. */
static inline struct sk_value sk_copy(struct sk_value v) {
    if (sk_is_blob(v.type))
        v.u.s->refs++;
    else if (sk_is_seq(v.type))
        v.u.seq->refs++;
    return v;
}

void sk_value_free(struct sk_value v); /* the payload of the last reference: only for sk_drop */

/* One fewer. */
static inline void sk_drop(struct sk_value v) {
    if ((sk_is_blob(v.type) && --v.u.s->refs == 0) || (sk_is_seq(v.type) && --v.u.seq->refs == 0))
        sk_value_free(v);
}

/* Add to a list or record that nobody else holds yet; takes over v. The key is a string constant, or from
 * sk_key. */
void sk_push(struct sk_value *list, struct sk_value v);
void sk_put(struct sk_value *record, const char *key, struct sk_value v);
void sk_put_main(struct sk_value *record, const char *key, struct sk_value v); /* and it stands for the record */

/* The one copy of a key that is no constant (a group of a regular expression); lives as long as the process. */
const char *sk_key(const char *key);

/* Borrowed looks; NULL where there is none. Negative positions count from the end. */
const struct sk_value *sk_at(const struct sk_value *v, int64_t i);
const struct sk_value *sk_get(const struct sk_value *v, const char *key);
/* What stands for v as one word: v itself, or the main item of a record (followed down). */
const struct sk_value *sk_main(const struct sk_value *v);
/* Same type and same content (the address family's raw bytes, the order of items). */
bool sk_equal(const struct sk_value *a, const struct sk_value *b);

#endif
