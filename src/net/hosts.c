#include "net/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/addr_parts.h"
#include "net/dns_parts.h"

#define ADDRESSES_MAX 256 /* of one name */

struct host {
    struct sk_addr addr;
    char *names; /* each followed by a NUL, the canonical one first; an empty one ends the list */
};

static struct {
    char path[256];
    bool is_loaded;
    struct sk_stamp stamp;
    struct host *list;
    size_t count;
    size_t *buckets; /* heads of chains, by hash of a name: index + 1 into links */
    struct link {
        size_t host, next;
        const char *name;
    } * links;
    size_t nlinks, nbuckets;
} table = { .path = "/etc/hosts" };

void sk_addrs_done(struct sk_addrs *addrs) {
    free(addrs->list);
    free(addrs->ttl);
    free(addrs->canonical);
    memset(addrs, 0, sizeof *addrs);
}

void sk_addrs_add(struct sk_addrs *addrs, const struct sk_addr *addr) {
    size_t n = addrs->count;
    if (n == 0 ? !addrs->list : (n & (n - 1)) == 0) { /* a list that was emptied has room for one */
        addrs->list = sk_realloc(addrs->list, (n ? 2 * n : 1) * sizeof *addrs->list);
        addrs->ttl = sk_realloc(addrs->ttl, (n ? 2 * n : 1) * sizeof *addrs->ttl);
    }
    addrs->list[n] = *addr;
    addrs->ttl[n] = -1;
    addrs->count++;
}

static unsigned hash(const char *name) {
    unsigned h = 2166136261u;
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
    }
    return h;
}

static void unload(void) {
    for (size_t i = 0; i < table.count; i++)
        free(table.list[i].names);
    free(table.list);
    free(table.buckets);
    free(table.links);
    table.list = NULL;
    table.buckets = NULL;
    table.links = NULL;
    table.count = table.nlinks = table.nbuckets = 0;
    table.is_loaded = false;
}

static bool read_address(const char *text, struct sk_addr *addr) {
    struct in_addr ip4;
    if (strchr(text, ':'))
        return sk_ip6_parse(text, strlen(text), false, addr, NULL) == 0;
    if (inet_pton(AF_INET, text, &ip4) != 1)
        return false;
    sk_addr_any(addr, AF_INET, 0);
    addr->u.in.sin_addr = ip4;
    return true;
}

/* "ADDRESS NAME NAME..." with a comment after '#'. Lines that are not so are passed over, as libc does. */
static void add_line(char *line) {
    char *save = NULL;
    struct host host;
    line[strcspn(line, "#\r\n")] = '\0';
    char *word = strtok_r(line, " \t", &save);
    if (!word || !read_address(word, &host.addr))
        return;
    size_t room = strlen(save) + 2, at = 0;
    host.names = sk_alloc(room);
    while ((word = strtok_r(NULL, " \t", &save))) {
        size_t n = strlen(word);
        memcpy(host.names + at, word, n + 1);
        at += n + 1;
    }
    if (at == 0) {
        free(host.names);
        return;
    }
    if ((table.count & (table.count - 1)) == 0)
        table.list = sk_realloc(table.list, (table.count ? table.count * 2 : 1) * sizeof *table.list);
    table.list[table.count++] = host;
}

static const char *next_name(const char *name) { return name + strlen(name) + 1; }

static void index_names(void) {
    size_t names = 0;
    for (size_t i = 0; i < table.count; i++)
        for (const char *n = table.list[i].names; *n; n = next_name(n))
            names++;
    table.nbuckets = names * 2 + 1;
    table.buckets = sk_alloc(table.nbuckets * sizeof *table.buckets);
    table.links = sk_alloc((names + 1) * sizeof *table.links);
    for (size_t i = table.count; i-- > 0;) /* backwards: chains are then in the order of the file */
        for (const char *n = table.list[i].names; *n; n = next_name(n)) {
            size_t *head = &table.buckets[hash(n) % table.nbuckets];
            table.links[table.nlinks] = (struct link){ .host = i, .next = *head, .name = n };
            *head = ++table.nlinks;
        }
}

bool sk_stamps_held;

bool sk_stamp_changed(struct sk_stamp *stamp, const char *path) {
    struct stat st;
    if (sk_stamps_held && stamp->is_known)
        return false;
    struct sk_stamp now = { .is_known = true };
    if (stat(path, &st) == 0)
        now = (struct sk_stamp){ true, true, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
    bool is_same = stamp->is_known && stamp->is_there == now.is_there && stamp->ino == now.ino &&
                   stamp->size == now.size && memcmp(&stamp->mtime, &now.mtime, sizeof now.mtime) == 0 &&
                   memcmp(&stamp->ctime, &now.ctime, sizeof now.ctime) == 0;
    *stamp = now;
    return !is_same;
}

static void refresh(void) {
    if (!sk_stamp_changed(&table.stamp, table.path))
        return;
    unload();
    FILE *file = fopen(table.path, "re");
    if (!file)
        return;
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) >= 0)
        add_line(line);
    free(line);
    fclose(file);
    index_names();
    table.is_loaded = true;
}

static void add_once(struct sk_addrs *out, const struct sk_addr *addr) {
    for (size_t i = 0; i < out->count; i++)
        if (sk_addr_equal(&out->list[i], addr))
            return;
    if (out->count < ADDRESSES_MAX)
        sk_addrs_add(out, addr);
}

static void add_family(const char *name, int family, struct sk_addrs *out) {
    for (size_t i = table.buckets[hash(name) % table.nbuckets]; i != 0; i = table.links[i - 1].next) {
        const struct link *l = &table.links[i - 1];
        const struct host *host = &table.list[l->host];
        if (strcasecmp(l->name, name) != 0 || host->addr.u.sa.sa_family != family)
            continue;
        if (!out->canonical)
            out->canonical = sk_strdup(host->names);
        add_once(out, &host->addr);
    }
}

/* The name without its final dot, which stands for the root and for nothing else here. */
static bool copy_name(char dst[256], const char *name) {
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '.')
        n--;
    if (n == 0 || n > 255)
        return false;
    memcpy(dst, name, n);
    dst[n] = '\0';
    return true;
}

size_t sk_hosts_lookup(const char *name, int family, struct sk_addrs *out) {
    char plain[256];
    size_t before = out->count;
    refresh();
    if (!table.is_loaded || !copy_name(plain, name))
        return 0;
    if (family != AF_INET)
        add_family(plain, AF_INET6, out);
    if (family != AF_INET6)
        add_family(plain, AF_INET, out);
    return out->count - before;
}

size_t sk_hosts_localhost(const char *name, int family, struct sk_addrs *out) {
    static const char word[] = "localhost";
    char plain[256];
    struct sk_addr addr;
    size_t before = out->count;
    if (!copy_name(plain, name))
        return 0;
    size_t n = strlen(plain), k = sizeof word - 1;
    if (n < k || strcasecmp(plain + n - k, word) != 0 || (n > k && plain[n - k - 1] != '.'))
        return 0;
    if (family != AF_INET) {
        sk_addr_loopback(&addr, AF_INET6, 0);
        add_once(out, &addr);
    }
    if (family != AF_INET6) {
        sk_addr_loopback(&addr, AF_INET, 0);
        add_once(out, &addr);
    }
    return out->count - before;
}

const char *sk_hosts_reverse(const struct sk_addr *addr) {
    struct sk_addr want = *addr;
    sk_addr_set_port(&want, 0);
    refresh();
    for (size_t i = 0; table.is_loaded && i < table.count; i++)
        if (sk_addr_equal(&table.list[i].addr, &want))
            return table.list[i].names;
    return NULL;
}

void sk_hosts_path(const char *path) {
    unload();
    table.stamp.is_known = false;
    snprintf(table.path, sizeof table.path, "%s", path);
}

static void read_order(FILE *file, bool *use_files, bool *use_dns) {
    char line[512];
    while (fgets(line, sizeof line, file)) {
        char *save = NULL;
        line[strcspn(line, "#\n")] = '\0';
        char *word = strtok_r(line, " \t", &save);
        if (!word || strcmp(word, "hosts:") != 0)
            continue;
        *use_files = *use_dns = false;
        while ((word = strtok_r(NULL, " \t[]", &save))) {
            if (strcasecmp(word, "NOTFOUND=return") == 0 && *use_files) /* nobody behind the hosts file is asked */
                break;
            *use_files = *use_files || strcmp(word, "files") == 0;
            *use_dns = *use_dns || strcmp(word, "dns") == 0 || strcmp(word, "resolve") == 0;
        }
    }
}

void sk_hosts_order(bool *use_files, bool *use_dns) {
    static const char path[] = "/etc/nsswitch.conf";
    static struct sk_stamp stamp;
    static bool files, dns;
    if (sk_stamp_changed(&stamp, path)) {
        files = dns = true;
        FILE *file = fopen(path, "re");
        if (file) {
            read_order(file, &files, &dns);
            fclose(file);
        }
    }
    *use_files = files;
    *use_dns = dns;
}
