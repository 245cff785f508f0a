/* Host names as people type them, checked before anything is asked (RELIABILITY.md D2 33 to 44). */
#include <dlfcn.h>
#include <idn2.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "net/addr_parts.h"

#define NAME_MAX_LENGTH  253
#define LABEL_MAX_LENGTH 63

static struct {
    __typeof__(idn2_lookup_u8) *lookup;
    __typeof__(idn2_free) *free;
    __typeof__(idn2_strerror) *strerror;
} idn;

/* libidn2 is opened when the first name needs it, and may be missing. */
static bool open_idn(void) {
#ifdef SK_LINKED
    idn.lookup = idn2_lookup_u8;
    idn.free = idn2_free;
    idn.strerror = idn2_strerror;
#else
    static bool was_tried;
    void *library = was_tried ? NULL : dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);
    was_tried = true;
    if (library) {
        *(void **)&idn.lookup = dlsym(library, "idn2_lookup_u8");
        *(void **)&idn.free = dlsym(library, "idn2_free");
        *(void **)&idn.strerror = dlsym(library, "idn2_strerror");
    }
#endif
    return idn.lookup && idn.free && idn.strerror;
}

int sk_idn_encode(const char *text, size_t n, char *dst, size_t size, struct sk_err *err) {
    char shown[SK_SHOWN], copy[1024];
    unsigned char *result = NULL;
    sk_shown(shown, text, n);
    if (n >= sizeof copy || memchr(text, '\0', n) || !sk_utf8_valid(text, n))
        return sk_fail_usage(err, "address %s: not valid UTF-8; write the name as xn--...", shown);
    if (!open_idn())
        return sk_fail_usage(
            err, "address %s: not ASCII; write the name as xn--... (libidn2, which would do it, is not here)", shown);
    memcpy(copy, text, n);
    copy[n] = '\0';
    int code = idn.lookup((const unsigned char *)copy, &result, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != 0)
        return sk_fail_usage(err, "address %s: not an international name: %s", shown, idn.strerror(code));
    bool fits = strlen((const char *)result) < size;
    if (fits)
        memcpy(dst, result, strlen((const char *)result) + 1);
    idn.free(result);
    return fits ? 0 : sk_fail_usage(err, "address %s: name longer than %d", shown, NAME_MAX_LENGTH);
}

static bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static int check_label(const char *label, size_t n, const char *shown, struct sk_err *err) {
    char shown_label[SK_SHOWN], shown_char[SK_SHOWN];
    if (n == 0)
        return sk_fail_usage(err, "address %s: empty label", shown);
    if (n > LABEL_MAX_LENGTH)
        return sk_fail_usage(err, "address %s: label longer than %d", shown, LABEL_MAX_LENGTH);
    sk_shown(shown_label, label, n);
    if (label[0] == '-' || label[n - 1] == '-')
        return sk_fail_usage(err, "address %s: label %s starts or ends with '-'; not a name", shown, shown_label);
    if (label[0] == '_')
        return sk_fail_usage(err, "address %s: label %s starts with '_'; not the name of a host", shown, shown_label);
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
            return sk_fail_usage(err, "address %s: not a name: %s (character %zu of label %s)", shown,
                                 sk_shown(shown_char, label + i, 1), i + 1, shown_label);
    return 0;
}

static int check_labels(const char *text, size_t n, const char *shown, struct sk_err *err) {
    if (n > 1 && text[n - 1] == '.')
        n--;
    if (n > NAME_MAX_LENGTH)
        return sk_fail_usage(err, "address %s: name longer than %d", shown, NAME_MAX_LENGTH);
    size_t start = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] != '.')
            continue;
        if (check_label(text + start, i - start, shown, err) < 0)
            return -1;
        start = i + 1;
    }
    return 0;
}

/* "127.0.0.1x": every label before the last is a number and the last begins like one. */
static bool is_spoilt_ip4(const char *text, size_t n) {
    const char *dot = memrchr(text, '.', n);
    if (!dot || dot + 1 == text + n || dot[1] < '0' || dot[1] > '9')
        return false;
    for (const char *p = text; p < dot; p++)
        if (*p != '.' && (*p < '0' || *p > '9'))
            return false;
    return true;
}

int sk_host_check_blank(const char *text, size_t n, struct sk_err *err) {
    char shown[SK_SHOWN];
    if (n == 0)
        return sk_fail_usage(err, "address is empty; write HOST:PORT");
    if (memchr(text, '\0', n))
        return sk_fail_usage(err, "NUL in address %s", sk_shown(shown, text, n));
    for (size_t i = 0; i < n; i++)
        if (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))
            return sk_fail_usage(err, "white space in address %s", sk_shown(shown, text, n));
    return 0;
}

/* Characters that mean that something else was meant. */
static int check_characters(const char *text, size_t n, const char *shown, struct sk_err *err) {
    const char *at = memchr(text, '@', n);
    char plain[61];
    sk_escape_cut(plain, sizeof plain, text, n);
    if (at == text && n > 1)
        return sk_fail_usage(err, "address %s: for an abstract socket write unix:%s", shown, plain);
    if (at)
        return sk_fail_usage(err, "address %s: a user name has no place here; write what follows '@'", shown);
    if (memchr(text, '/', n))
        return sk_fail_usage(err, "address %s: not a name; for a path write ./%s", shown, plain);
    if (memchr(text, '[', n) || memchr(text, ']', n))
        return sk_fail_usage(err, "address %s: brackets belong to [IPV6]:PORT only", shown);
    return 0;
}

int sk_host_check(const char *text, size_t n, char host[256], struct sk_err *err) {
    char shown[SK_SHOWN], ascii[1024];
    sk_shown(shown, text, n);
    if (sk_host_check_blank(text, n, err) < 0 || check_characters(text, n, shown, err) < 0)
        return -1;
    bool is_ascii = true;
    for (size_t i = 0; i < n; i++)
        is_ascii = is_ascii && (unsigned char)text[i] < 0x80;
    if (!is_ascii) {
        if (sk_idn_encode(text, n, ascii, sizeof ascii, err) < 0)
            return -1;
        /* Full-width letters and digits become plain ones: a look-alike of another text, not a name in another script.
         */
        if (strncmp(ascii, "xn--", 4) != 0 && !strstr(ascii, ".xn--"))
            return check_labels(ascii, strlen(ascii), shown, err) < 0
                       ? -1
                       : sk_fail_usage(err, "address %s: write %s", shown, ascii);
        text = ascii;
        n = strlen(ascii);
    }
    if (is_spoilt_ip4(text, n))
        return sk_fail_usage(err, "address %s: not a name, nor an IPv4 address", shown);
    if (check_labels(text, n, shown, err) < 0)
        return -1;
    memcpy(host, text, n);
    host[n] = '\0';
    return 0;
}
