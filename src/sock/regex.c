#include "sock/regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#ifndef SK_LINKED
#include <dlfcn.h>
#endif

/* Costs of one match, so that (a+)+$ over a long input ends with an error and not with the patience of its user. */
static const uint32_t MATCH_LIMIT = 5000000, DEPTH_LIMIT = 250000, HEAP_KIB = 64 * 1024;

#define FUNCTIONS(F)                                                                                                   \
    F(compile)                                                                                                         \
    F(code_free)                                                                                                       \
    F(match)                                                                                                           \
    F(match_context_create)                                                                                            \
    F(match_context_free)                                                                                              \
    F(set_match_limit)                                                                                                 \
    F(set_depth_limit)                                                                                                 \
    F(set_heap_limit)                                                                                                  \
    F(match_data_create_from_pattern)                                                                                  \
    F(match_data_free)                                                                                                 \
    F(get_ovector_pointer)                                                                                             \
    F(get_error_message)                                                                                               \
    F(pattern_info)

#define PASTE(a, b) a##b
#define JOIN(a, b)  PASTE(a, b)
#define REAL(name)  JOIN(pcre2_##name##_, PCRE2_CODE_UNIT_WIDTH)

static struct {
#define MEMBER(name) __typeof__(REAL(name)) *name;
    FUNCTIONS(MEMBER)
#undef MEMBER
} pcre;

#ifdef SK_LINKED
static int open_library(struct sk_err *err) {
    (void)err;
#define LINK(name) pcre.name = REAL(name);
    FUNCTIONS(LINK)
#undef LINK
    return 0;
}
#else
static int open_library(struct sk_err *err) {
    static void *library;
    if (library)
        return 0;
    void *handle = dlopen("libpcre2-8.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return sk_fail(err, SK_INTERNAL, 0, "dlopen", "regular expressions need PCRE2: %s", dlerror());
#define TEXT2(x) #x
#define TEXT(x)  TEXT2(x)
#define LOAD(name)                                                                                                     \
    if (!(pcre.name = (__typeof__(pcre.name))dlsym(handle, TEXT(REAL(name)))))                                         \
        return sk_fail(err, SK_INTERNAL, 0, "dlsym", "regular expressions need another PCRE2: %s", dlerror());
    FUNCTIONS(LOAD)
#undef LOAD
    library = handle;
    return 0;
}
#endif

struct sk_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int found; /* groups set by the last match, or 0 */
    bool utf;
};

static const char UTF[] = "(*UTF)";

static struct sk_regex *bad_pattern(int code, size_t at, const char *pattern, size_t n, struct sk_err *err) {
    PCRE2_UCHAR words[160] = "";
    pcre.get_error_message(code, words, sizeof words);
    if (at < n)
        sk_fail_usage(err, "bad pattern: %s (character %zu)", (char *)words, at + 1);
    else
        sk_fail_usage(err, "bad pattern '%.*s': %s (at its end)", n < 80 ? (int)n : 80, pattern, (char *)words);
    return NULL;
}

struct sk_regex *sk_regex_new(const char *pattern, size_t n, struct sk_err *err) {
    int code;
    size_t at;
    if (open_library(err) < 0)
        return NULL;
    bool utf = n >= sizeof UTF - 1 && memcmp(pattern, UTF, sizeof UTF - 1) == 0;
    uint32_t options = PCRE2_MULTILINE | (utf ? PCRE2_MATCH_INVALID_UTF : 0);
    pcre2_code *compiled = pcre.compile((PCRE2_SPTR)(n ? pattern : ""), n, options, &code, &at, NULL);
    if (!compiled)
        return bad_pattern(code, at, pattern, n, err);
    struct sk_regex *re = sk_alloc(sizeof *re);
    *re = (struct sk_regex){ .code = compiled,
                             .data = pcre.match_data_create_from_pattern(compiled, NULL),
                             .context = pcre.match_context_create(NULL),
                             .utf = utf };
    if (re->data && re->context) {
        pcre.set_match_limit(re->context, MATCH_LIMIT);
        pcre.set_depth_limit(re->context, DEPTH_LIMIT);
        pcre.set_heap_limit(re->context, HEAP_KIB);
        return re;
    }
    sk_regex_free(re);
    sk_fail(err, SK_INTERNAL, 0, "malloc", "no memory for a pattern");
    return NULL;
}

void sk_regex_free(struct sk_regex *re) {
    if (!re)
        return;
    if (re->context)
        pcre.match_context_free(re->context);
    if (re->data)
        pcre.match_data_free(re->data);
    pcre.code_free(re->code);
    free(re);
}

/* Where a search goes on when nothing before n can begin a match: not inside a character whose rest is still to come.
 */
static size_t resume(const struct sk_regex *re, const unsigned char *p, size_t n, size_t from) {
    for (size_t back = 1; re->utf && back <= 3 && n - from >= back; back++)
        if (p[n - back] >= 0xc0)
            return n - back;
    return n;
}

static int costly(int code, struct sk_err *err) {
    PCRE2_UCHAR words[160] = "";
    switch (code) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        return sk_fail_usage(err,
                             "pattern too costly for this input; make its repetitions unambiguous, as [^\\n]+ or a++");
    default:
        pcre.get_error_message(code, words, sizeof words);
        return sk_fail_usage(err, "pattern cannot be matched: %s", (char *)words);
    }
}

int sk_regex_match(struct sk_regex *re, const void *p, size_t n, size_t *from, bool more, struct sk_err *err) {
    re->found = 0;
    int r =
        pcre.match(re->code, n ? p : (PCRE2_SPTR) "", n, *from, more ? PCRE2_PARTIAL_HARD : 0, re->data, re->context);
    if (r > 0) {
        re->found = r;
        return 1;
    }
    if (r == PCRE2_ERROR_NOMATCH) {
        *from = resume(re, p, n, *from);
        return 0;
    }
    if (r == PCRE2_ERROR_PARTIAL) {
        *from = pcre.get_ovector_pointer(re->data)[0];
        return 2;
    }
    return costly(r, err);
}

bool sk_regex_group(const struct sk_regex *re, size_t i, size_t *start, size_t *end) {
    if (i >= (size_t)re->found)
        return false;
    const size_t *spans = pcre.get_ovector_pointer(re->data);
    if (spans[2 * i] == PCRE2_UNSET || spans[2 * i] > spans[2 * i + 1]) /* \K in a lookahead can end before it begins */
        return false;
    *start = spans[2 * i];
    *end = spans[2 * i + 1];
    return true;
}

static uint32_t info(const struct sk_regex *re, uint32_t what) {
    uint32_t value = 0;
    pcre.pattern_info(re->code, what, &value);
    return value;
}

size_t sk_regex_groups(const struct sk_regex *re) { return info(re, PCRE2_INFO_CAPTURECOUNT); }

const char *sk_regex_name(const struct sk_regex *re, size_t i, size_t *group) {
    PCRE2_SPTR table = NULL;
    if (i >= info(re, PCRE2_INFO_NAMECOUNT) || pcre.pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table) != 0)
        return NULL;
    PCRE2_SPTR row = table + i * info(re, PCRE2_INFO_NAMEENTRYSIZE);
    *group = (size_t)row[0] << 8 | row[1];
    return (const char *)row + 2;
}
