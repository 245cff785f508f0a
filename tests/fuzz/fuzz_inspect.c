/* Any bytes as the certificates of a server: what `tls` says of them is bounded, and a terminal may see it. */
#define OPENSSL_API_COMPAT 30000 /* without the macros of before, which begin with sk_ */
#define OPENSSL_NO_DEPRECATED
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "tls/tls.h"
#include "verbs/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sk_tls_settings *settings(void) {
    static struct sk_tls_settings *made;
    const struct sk_tls_config config = { .inspect = true, .system_store = "/nonexistent" };
    if (!made && tls_settings_new(&made, &config, false, NULL) < 0)
        abort();
    return made;
}

static void check(const struct sk_value *item, bool brief) {
    struct sk_buf text = { 0 };
    assert(inspect_text(item, brief, true, &text, NULL) == 0);
    const unsigned char *p = sk_buf_data(&text);
    assert(text.len > 0 && text.len < (brief ? 4U : 128U) * 1024 && sk_utf8_valid(p, text.len));
    for (size_t i = 0; i < text.len; i++)
        assert(p[i] == '\n' || (p[i] >= ' ' && p[i] != 0x7f));
    sk_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct inspecting how = { .settings = settings(), .warn = 30 * 24 * 3600 * SK_SECOND };
    const struct sk_tls_file file = { .name = "fuzz", .p = data, .n = size };
    struct inspected found;
    struct sk_value report;
    struct sk_err err;
    if (tls_examine(how.settings, &file, "www.example.test", &report, &err) < 0)
        return 0;
    inspect_report(&how, file.name, &report, &found);
    check(&found.item, false);
    check(&found.item, true);
    sk_drop(report);
    sk_drop(found.item);
    return 0;
}
