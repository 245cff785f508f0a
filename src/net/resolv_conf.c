/* resolv.conf: servers, search list and options. c-ares 1.18 ignores `timeout:`, `attempts:` and link-local servers,
 * and would read the environment for what it is not told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dns_parts.h"

#define SOON 500 /* ms */

#define DOMAINS_MAX     ((int)(sizeof((struct sk_resolv_conf *)0)->domains / sizeof(char[256])))
#define NAMESERVERS_MAX 3 /* MAXNS of resolv.h: libc asks no more */

static void add_domain(struct sk_resolv_conf *conf, const char *domain) {
    size_t n = strlen(domain);
    if (conf->ndomains < DOMAINS_MAX && n < sizeof conf->domains[0] && strcmp(domain, ".") != 0)
        memcpy(conf->domains[conf->ndomains++], domain, n + 1);
}

/* NAME:N with N from lo to hi (beyond: the nearer of them, as libc does). */
static void read_option(const char *word, const char *name, int lo, int hi, int unit, int *out) {
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0 || word[n] != ':')
        return;
    int value = atoi(word + n + 1);
    *out = (value < lo ? lo : value > hi ? hi : value) * unit;
}

static void add_server(struct sk_resolv_conf *conf, const char *text) {
    if (conf->server_count < NAMESERVERS_MAX &&
        sk_server_parse(&conf->servers[conf->server_count], text, strlen(text), NULL) == 0)
        conf->server_count++;
}

static void read_words(struct sk_resolv_conf *conf, const char *key, char **save) {
    bool is_search = strcmp(key, "search") == 0 || strcmp(key, "domain") == 0;
    bool is_options = strcmp(key, "options") == 0;
    if (is_search)
        conf->ndomains = 0; /* the last such line counts */
    for (char *word; (word = strtok_r(NULL, " \t", save)) != NULL;) {
        if (is_search)
            add_domain(conf, word);
        else if (strcmp(key, "nameserver") == 0)
            add_server(conf, word);
        if (!is_options)
            continue;
        read_option(word, "timeout", 1, 30, 1000, &conf->timeout_ms);
        read_option(word, "attempts", 1, 5, 1, &conf->tries);
        read_option(word, "ndots", 0, 15, 1, &conf->ndots);
        conf->rotate = conf->rotate || strcmp(word, "rotate") == 0;
    }
}

void sk_resolv_conf(struct sk_resolv_conf *conf, const char *path) {
    char line[1024], host[256] = "", *save, *key;
    memset(conf, 0, sizeof *conf);
    conf->ndots = 1;
    conf->tries = 3;
    conf->timeout_ms = 2000;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#;\r\n")] = '\0';
        if ((key = strtok_r(line, " \t", &save)) != NULL)
            read_words(conf, key, &save);
    }
    if (file)
        fclose(file);
    if (conf->server_count == 0) {
        sk_addr_loopback(&conf->servers[0], AF_INET, 53);
        conf->server_count = 1;
        conf->has_none = true;
    }
    if (conf->ndomains == 0 && gethostname(host, sizeof host - 1) == 0 && strchr(host, '.'))
        add_domain(conf, strchr(host, '.') + 1);
}

/* The first answer is not waited for that long, but all of them are. */
static void ask_sooner(struct sk_resolv_conf *conf) {
    int all = conf->timeout_ms * ((1 << conf->tries) - 1);
    if (conf->timeout_ms <= SOON)
        return;
    conf->timeout_ms = SOON;
    for (conf->tries = 1; conf->timeout_ms * ((1 << conf->tries) - 1) < all; conf->tries++)
        continue;
}

void sk_question_init(struct sk_question *q, const struct sk_lookup *how, sk_time deadline) {
    static struct sk_resolv_conf conf;
    static struct sk_stamp stamp;
    if (sk_stamp_changed(&stamp, "/etc/resolv.conf"))
        sk_resolv_conf(&conf, "/etc/resolv.conf");
    *q = (struct sk_question){ .conf = conf, .tcp = how && how->tcp, .start = sk_now(), .deadline = deadline };
    if (how && how->server_count > 0) {
        size_t n = how->server_count < SK_SERVERS_MAX ? how->server_count : SK_SERVERS_MAX;
        memcpy(q->conf.servers, how->servers, n * sizeof *how->servers);
        q->conf.server_count = n;
        q->conf.has_none = false;
    }
    if (how && how->no_search)
        q->conf.ndomains = 0;
    if (how && how->soon && q->conf.server_count == 1)
        ask_sooner(&q->conf);
}
