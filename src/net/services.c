/* /etc/services and /etc/protocols by own code: glibc's NSS modules crash when memory fails and cannot be bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/names.h"
#include "base/parse.h"
#include "net/addr_parts.h"

#define LINE_WORDS 36

struct entry {
    const char *word[LINE_WORDS]; /* name, number[/protocol], aliases */
    size_t words;
    long number;
    const char *protocol;
};

/* The next line of the file that names something: cut into words inside buf. */
static bool next_entry(FILE *file, char *buf, int size, struct entry *e) {
    while (fgets(buf, size, file)) {
        char *save = NULL, *end;
        buf[strcspn(buf, "#\n")] = '\0';
        e->words = 0;
        for (char *w = strtok_r(buf, " \t", &save); w && e->words < LINE_WORDS; w = strtok_r(NULL, " \t", &save))
            e->word[e->words++] = w;
        if (e->words < 2)
            continue;
        e->number = strtol(e->word[1], &end, 10);
        e->protocol = *end == '/' ? end + 1 : "";
        if (end != e->word[1] && e->number >= 0 && e->number <= 65535)
            return true;
    }
    return false;
}

static bool is_called(const struct entry *e, const char *name, int (*compare)(const char *, const char *)) {
    for (size_t i = 0; i < e->words; i++)
        if (i != 1 && compare(e->word[i], name) == 0)
            return true;
    return false;
}

static bool is_for(const struct entry *e, const char *protocol) {
    return !protocol || strcmp(e->protocol, protocol) == 0;
}

static int find_service(const char *name, const char *protocol, int (*compare)(const char *, const char *),
                        uint16_t *port, char *found, size_t size) {
    char buf[1024];
    struct entry e;
    int result = -1;
    FILE *file = fopen("/etc/services", "re");
    if (!file)
        return -1;
    while (result < 0 && next_entry(file, buf, sizeof buf, &e)) {
        if (!is_for(&e, protocol) || !is_called(&e, name, compare))
            continue;
        *port = (uint16_t)e.number;
        for (size_t i = 0; found && i < e.words; i++)
            if (i != 1 && compare(e.word[i], name) == 0)
                snprintf(found, size, "%s", e.word[i]);
        result = 0;
    }
    fclose(file);
    return result;
}

int sk_service_port(const char *name, const char *protocol, uint16_t *port) {
    return find_service(name, protocol, strcmp, port, NULL, 0);
}

int sk_service_name(uint16_t port, const char *protocol, char *name, size_t size) {
    char buf[1024];
    struct entry e;
    int result = -1;
    FILE *file = fopen("/etc/services", "re");
    if (!file)
        return -1;
    while (result < 0 && next_entry(file, buf, sizeof buf, &e)) {
        if (!is_for(&e, protocol) || e.number != port || strlen(e.word[0]) >= size)
            continue;
        memcpy(name, e.word[0], strlen(e.word[0]) + 1);
        result = 0;
    }
    fclose(file);
    return result;
}

int sk_protocol_number(const char *name) {
    static const struct {
        const char *name;
        int number;
    } known[] = {
        { "ip", 0 },    { "icmp", 1 },       { "tcp", 6 },    { "udp", 17 },
        { "ipv6", 41 }, { "ipv6-icmp", 58 }, { "sctp", 132 }, { "udplite", 136 },
    };
    char buf[1024];
    struct entry e;
    int result = -1;
    FILE *file = fopen("/etc/protocols", "re");
    while (file && result < 0 && next_entry(file, buf, sizeof buf, &e))
        if (is_called(&e, name, strcmp))
            result = (int)e.number;
    if (file)
        fclose(file);
    for (size_t i = 0; result < 0 && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            result = known[i].number;
    return result;
}

/* The known service that differs least: "did you mean". */
static bool nearest_service(const char *text, char *found, size_t size, uint16_t *port) {
    char buf[1024];
    struct entry e;
    char **names = NULL;
    size_t count = 0;
    FILE *file = fopen("/etc/services", "re");
    while (file && next_entry(file, buf, sizeof buf, &e)) {
        names = sk_realloc(names, (count + 1) * sizeof *names);
        names[count++] = sk_strdup(e.word[0]);
    }
    if (file)
        fclose(file);
    const char *near = sk_nearest(text, (const char *const *)names, count);
    if (near)
        snprintf(found, size, "%s", near);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return near && sk_service_port(found, NULL, port) == 0;
}

static int unknown_service(const char *text, size_t n, const char *name, const char *protocol, struct sk_err *err) {
    char shown[SK_SHOWN], near[64] = "";
    uint16_t port = 0;
    sk_shown(shown, text, n);
    if (name && find_service(name, protocol, strcasecmp, &port, near, sizeof near) == 0)
        return sk_fail_usage(err, "unknown service %s; known: %s (%u)", shown, near, port);
    if (name && protocol && find_service(name, NULL, strcasecmp, &port, near, sizeof near) == 0)
        return sk_fail_usage(err, "unknown service %s for %s; known for another protocol: %s (%u)", shown, protocol,
                             near, port);
    if (name && strlen(name) > 2 && nearest_service(name, near, sizeof near, &port))
        return sk_fail_usage(err, "unknown service %s; known: %s (%u)", shown, near, port);
    return sk_fail_usage(err, "unknown service %s; write a number from 0 to 65535 or a name of /etc/services", shown);
}

int sk_port_parse(const char *text, size_t n, const char *protocol, uint16_t *port, struct sk_err *err) {
    char name[64] = "", shown[SK_SHOWN];
    int64_t number = 0;
    bool all_digits = n > 0, is_word = n > 0;
    for (size_t i = 0; i < n; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        all_digits = all_digits && digit;
        is_word = is_word && text[i] > ' ' && text[i] < 0x7f && !strchr("+,:;=\\[]%", text[i]);
    }
    if (n == 0)
        return sk_fail_usage(err, "port is missing; write a number from 0 to 65535");
    if (all_digits) {
        if (sk_parse_int("port", text, n, 0, 65535, &number, err) < 0)
            return -1;
        *port = (uint16_t)number;
        return 0;
    }
    bool like_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '-' || text[0] == '.';
    if (n < sizeof name && is_word) {
        memcpy(name, text, n);
        if ((protocol ? -1 : sk_service_port(name, "tcp", port)) == 0 || sk_service_port(name, protocol, port) == 0)
            return 0;
    }
    if (!is_word || like_number)
        return sk_fail_usage(err, "port %s must be digits, 0 to 65535, or the name of a service",
                             sk_shown(shown, text, n));
    return unknown_service(text, n, n < sizeof name ? name : NULL, protocol, err);
}
