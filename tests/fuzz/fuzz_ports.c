/* Any text as an address with ports: refused with one clean line, or each port once, none 0, and as a list of single
 * ports read back the same. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "net/ports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct sk_err *err) {
    assert(err->kind == SK_USAGE && err->msg[0] != '\0');
    for (const char *p = err->msg; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* "PREFIX:1,2,3" of what was read from "PREFIX:1-3". */
static void check_again(const char *text, size_t n, const struct sk_ports *ports) {
    struct sk_buf word = { 0 };
    struct sk_ports back;
    struct sk_err err;
    const char *colon = memrchr(text, ':', n);
    if (!ports->list || !colon || memmem(text, n, "raw:", 4) == text)
        return;
    sk_buf_add(&word, text, (size_t)(colon + 1 - text), NULL);
    for (size_t i = 0; i < ports->count; i++)
        sk_buf_printf(&word, NULL, i ? ",%u" : "%u", ports->list[i]);
    if (sk_ports_parse(&back, (const char *)sk_buf_data(&word), word.len, &err) < 0)
        __builtin_trap();
    assert(back.count == ports->count && memcmp(back.list, ports->list, back.count * sizeof *back.list) == 0);
    assert(back.ep.kind == ports->ep.kind && back.ep.type == ports->ep.type);
    sk_ports_done(&back);
    sk_buf_done(&word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sk_ports ports;
    struct sk_err err = { .msg = "" };
    static _Bool seen[65536];
    if (sk_ports_parse(&ports, (const char *)data, size, &err) < 0) {
        check_message(&err);
        return 0;
    }
    assert(!ports.list == !ports.count);
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < ports.count; i++) {
        assert(ports.list[i] > 0 && !seen[ports.list[i]]);
        seen[ports.list[i]] = 1;
    }
    check_again((const char *)data, size, &ports);
    sk_ports_done(&ports);
    return 0;
}
