/* Any bytes as a hosts file and as a resolv.conf; its own words are then looked up, and read as options of a lookup. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/dns_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const char *name) {
    struct sk_addrs addrs = { 0 };
    size_t n = sk_hosts_lookup(name, AF_UNSPEC, &addrs);
    assert(n == addrs.count && n <= 256 && (n > 0) == (addrs.canonical != NULL));
    for (size_t i = 0; i < addrs.count; i++)
        assert(sk_hosts_reverse(&addrs.list[i]) != NULL);
    sk_hosts_localhost(name, AF_UNSPEC, &addrs);
    sk_addrs_done(&addrs);
    sk_dns_is_name(name);
    struct sk_addr addr;
    const char *own;
    size_t own_n, length = strlen(name);
    if (sk_server_parse(&addr, name, length, NULL) == 0)
        assert(sk_addr_port(&addr) > 0);
    if (sk_override_parse(&addr, &own, &own_n, name, length, NULL) == 0)
        assert(own == name && own_n > 0 && own_n < length && sk_addr_port(&addr) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    char path[32], *save = NULL;
    struct sk_resolv_conf conf;
    if (fd < 0)
        fd = memfd_create("hosts", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    sk_hosts_path(path);
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    look_up(text);
    for (char *word = strtok_r(text, " \t\r\n", &save); word; word = strtok_r(NULL, " \t\r\n", &save))
        look_up(word);
    free(text);
    sk_resolv_conf(&conf, path);
    assert(conf.ndomains >= 0 && conf.ndomains <= 6 && conf.tries >= 1 && conf.tries <= 5 && conf.timeout_ms >= 1000);
    assert(conf.server_count >= 1 && conf.server_count <= 3);
    for (int i = 0; i < conf.ndomains; i++)
        assert(conf.domains[i][0] != '\0');
    return 0;
}
