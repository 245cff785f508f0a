#include "lang/secure.h"

#include <string.h>

#include "lang/arena.h"
#include "lang/table.h"
#include "sock/upgrade.h"

enum form { FLAG, TEXT, CHOICE, LIST };

#define AT(member) offsetof(struct tls_wish, member)

static const struct {
    const char *name;
    enum form form;
    size_t at;
} places[] = {
    { "tls", FLAG, AT(on) },
    { "starttls", CHOICE, AT(starttls) },
    { "ehlo", TEXT, AT(ehlo) },
    { "insecure", FLAG, AT(insecure) },
    { "self-signed", FLAG, AT(self_signed) },
    { "allow-truncation", FLAG, AT(allow_truncation) },
    { "ocsp", FLAG, AT(ocsp) },
    { "alpn-required", FLAG, AT(alpn_required) },
    { "cafile", TEXT, AT(cafile) },
    { "cadir", TEXT, AT(cadir) },
    { "crl", TEXT, AT(crl) },
    { "client-ca", TEXT, AT(client_ca) },
    { "sni", TEXT, AT(sni) },
    { "verify-name", TEXT, AT(verify_name) },
    { "alpn", TEXT, AT(alpn) },
    { "min", CHOICE, AT(min) },
    { "max", CHOICE, AT(max) },
    { "ciphers", TEXT, AT(ciphers) },
    { "groups", TEXT, AT(groups) },
    { "key-pass", TEXT, AT(key_pass) },
    { "session", TEXT, AT(session) },
    { "keylog", TEXT, AT(keylog) },
    { "pin", LIST, AT(pins) },
    { "cert", LIST, AT(certs) },
    { "key", LIST, AT(keys) },
};

static void append(struct tls_list *list, const char *word, struct arena *a) {
    const char **words = arena_alloc(a, (list->count + 1) * sizeof *words);
    if (list->count)
        memcpy(words, list->words, list->count * sizeof *words);
    words[list->count++] = word;
    list->words = words;
}

bool tls_store(struct tls_wish *wish, const struct param *row, const struct arg *arg, struct arena *a) {
    size_t i = 0, count = sizeof places / sizeof *places;
    while (i < count && strcmp(places[i].name, row->name) != 0)
        i++;
    if (i == count)
        return false;
    void *place = (char *)wish + places[i].at;
    if (places[i].form == FLAG)
        *(bool *)place = arg->u.i != 0;
    else if (places[i].form == TEXT)
        *(const char **)place = arg->u.s.p;
    else if (places[i].form == CHOICE)
        *(const char **)place = row->choices[arg->u.i];
    else
        append(place, arg->u.s.p, a);
    if (place != &wish->on && place != &wish->ehlo && (places[i].form != FLAG || *(bool *)place))
        wish->given = row->name;
    return true;
}

const struct sk_upgrade *tls_upgrade(const struct tls_wish *wish, struct sk_upgrade *out) {
    *out = (struct sk_upgrade){ .protocol = wish->starttls, .ehlo = wish->ehlo };
    return wish->starttls ? out : NULL;
}

static int check_upgrade(const struct tls_wish *wish, struct sk_err *err) {
    struct sk_upgrade upgrade;
    if (wish->on && wish->starttls)
        return sk_fail_usage(err, "--tls begins with TLS, --starttls with plain text: leave one of them out");
    if (wish->ehlo && !wish->starttls)
        return sk_fail_usage(err, "--ehlo is a word of --starttls smtp, which is not given");
    return tls_upgrade(wish, &upgrade) ? sk_upgrade_check(&upgrade, err) : 0;
}

int tls_check(const struct tls_wish *wish, struct sk_err *err) {
    if (wish->keys.count > wish->certs.count)
        return sk_fail_usage(err, "--key without a --cert before it: give both for each certificate");
    if (wish->keys.count && wish->keys.count < wish->certs.count)
        return sk_fail_usage(err,
                             "%zu --cert, but %zu --key: give both for each, or no --key where the files have them",
                             wish->certs.count, wish->keys.count);
    if (wish->self_signed && wish->certs.count)
        return sk_fail_usage(err, "--self-signed and --cert contradict each other");
    if (check_upgrade(wish, err) < 0)
        return -1;
    if (wish->alpn_required && !wish->alpn)
        return sk_fail_usage(err, "--alpn-required without --alpn: which protocols may it be?");
    if (wish->cafile && wish->cadir)
        return sk_fail_usage(err, "--cafile and --cadir: give one of them");
    if (wish->min && wish->max && strcmp(wish->min, wish->max) > 0)
        return sk_fail_usage(err, "--min %s is above --max %s", wish->min, wish->max);
    return secret_check("key-pass", wish->key_pass, "passphrase", err);
}
