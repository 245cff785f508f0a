/* resolv.conf's search list and options. c-ares 1.18 ignores `timeout:` and `attempts:`, and would read the environment
 * for what it is not told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dns_parts.h"

#define DOMAINS_MAX ((int)(sizeof((struct sk_resolv_conf *)0)->domains / sizeof(char *)))

static void add_domain(struct sk_resolv_conf *conf, size_t *used, const char *domain) {
    size_t n = strlen(domain) + 1;
    if (conf->ndomains >= DOMAINS_MAX || *used + n > sizeof conf->text || strcmp(domain, ".") == 0)
        return;
    memcpy(conf->text + *used, domain, n);
    conf->domains[conf->ndomains++] = conf->text + *used;
    *used += n;
}

/* NAME:N with N from lo to hi (beyond: the nearer of them, as libc does). */
static void read_option(const char *word, const char *name, int lo, int hi, int unit, int *out) {
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0 || word[n] != ':')
        return;
    int value = atoi(word + n + 1);
    *out = (value < lo ? lo : value > hi ? hi : value) * unit;
}

static void read_line(struct sk_resolv_conf *conf, size_t *used, char *line) {
    char *save = NULL;
    line[strcspn(line, "#;\r\n")] = '\0';
    char *key = strtok_r(line, " \t", &save), *word;
    if (!key)
        return;
    bool is_search = strcmp(key, "search") == 0 || strcmp(key, "domain") == 0;
    if (is_search) {
        conf->ndomains = 0; /* the last such line counts */
        *used = 0;
    }
    while ((is_search || strcmp(key, "options") == 0) && (word = strtok_r(NULL, " \t", &save))) {
        if (is_search) {
            add_domain(conf, used, word);
            continue;
        }
        read_option(word, "timeout", 1, 30, 1000, &conf->timeout_ms);
        read_option(word, "attempts", 1, 5, 1, &conf->tries);
        read_option(word, "ndots", 0, 15, 1, &conf->ndots);
        conf->rotate = conf->rotate || strcmp(word, "rotate") == 0;
    }
}

void sk_resolv_conf(struct sk_resolv_conf *conf, const char *path) {
    char line[1024], host[256] = "";
    size_t used = 0;
    memset(conf, 0, sizeof *conf);
    conf->ndots = 1;
    conf->tries = 3;
    conf->timeout_ms = 2000;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        read_line(conf, &used, line);
    if (file)
        fclose(file);
    if (conf->ndomains == 0 && used == 0 && gethostname(host, sizeof host - 1) == 0 && strchr(host, '.'))
        add_domain(conf, &used, strchr(host, '.') + 1);
}
