/* The head of an HTTP answer, read strictly: what is not as RFC 9112 has it is refused, not guessed at. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "sock/proxy_parts.h"

static int wrong(const char **why, const char *words) {
    *why = words;
    return -1;
}

/* ---- Where it ends ---- */

static bool is_control(char c) { return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f; }

/* A line without its end: nothing in it that a line may not have. */
static int check_line(const char *p, size_t n, const char **why) {
    for (size_t i = 0; i < n; i++)
        if (is_control(p[i]))
            return wrong(why, p[i] == '\r' ? "a CR without LF" : "a control character in its head");
    return 0;
}

int sk_http_scan(const char *p, size_t n, size_t *length, const char **why) {
    static const char begin[] = "HTTP/1.";
    size_t lines = 0;
    if (n && memcmp(p, begin, n < strlen(begin) ? n : strlen(begin)) != 0)
        return wrong(why, "its answer does not begin with HTTP/1");
    for (size_t at = 0; at < n;) {
        const char *lf = memchr(p + at, '\n', n - at);
        size_t end = lf ? (size_t)(lf - p) : n;
        if (end >= SK_HTTP_HEAD_MOST)
            return wrong(why, "a head of more than 16 KiB");
        if (lf && (end == at || p[end - 1] != '\r'))
            return wrong(why, "a line that ends in LF without CR");
        bool half = !lf && p[n - 1] == '\r'; /* of a line end, perhaps */
        if (check_line(p + at, end - at - (lf || half), why) < 0)
            return -1;
        if (!lf)
            return 0;
        if (end - at == 1) {
            *length = end + 1;
            return 1;
        }
        if (++lines > SK_HTTP_LINES_MOST)
            return wrong(why, "more than 100 lines in its head");
        at = end + 1;
    }
    return 0;
}

/* ---- What it says ---- */

static bool is_token(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* HTTP/1.x SP 3DIGIT [SP reason]; the last space is often left out with the reason. */
static int parse_status(const char *p, size_t n, struct sk_http_head *out, const char **why) {
    if (n < 12 || !is_digit(p[7]) || p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) ||
        (n > 12 && p[12] != ' '))
        return wrong(why, "its first line is not HTTP/1.x, a status of three digits, and a reason");
    out->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    if (out->status < 100 || out->status > 599)
        return wrong(why, "a status that is not 100 to 599");
    out->reason = p + (n > 12 ? 13 : 12);
    out->reason_n = n > 12 ? n - 13 : 0;
    return 0;
}

/* One field of Proxy-Authenticate may list several schemes; the first one is enough to know what to say. */
static void note_scheme(struct sk_http_head *out, const char *p, size_t n) {
    size_t len = 0;
    while (len < n && is_token(p[len]))
        len++;
    if (len == 5 && strncasecmp(p, "Basic", 5) == 0) {
        out->wants_basic = true;
        return;
    }
    out->wants_other = true;
    snprintf(out->scheme, sizeof out->scheme, "%.*s", (int)(len < sizeof out->scheme ? len : 0), p);
}

static bool is_name(const char *p, size_t n, const char *name) {
    return n == strlen(name) && strncasecmp(p, name, n) == 0;
}

static int parse_field(const char *p, size_t n, struct sk_http_head *out, const char **why) {
    size_t name = 0;
    while (name < n && is_token(p[name]))
        name++;
    if (name == 0 || name == n || p[name] != ':')
        return wrong(why, "a header line without a name and a colon");
    const char *value = p + name + 1, *end = p + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t len = (size_t)(end - value);
    if (is_name(p, name, "Proxy-Authenticate"))
        note_scheme(out, value, len);
    else if (is_name(p, name, "Transfer-Encoding"))
        out->chunked = len >= 7 && strncasecmp(end - 7, "chunked", 7) == 0;
    else if (is_name(p, name, "Content-Length") &&
             sk_parse_int("Content-Length", value, len, 0, INT64_MAX, &out->length, NULL) < 0)
        return wrong(why, "a Content-Length that is no number");
    return 0;
}

int sk_http_parse(const char *p, size_t n, struct sk_http_head *out, const char **why) {
    size_t length;
    *out = (struct sk_http_head){ .length = -1 };
    int rc = sk_http_scan(p, n, &length, why);
    if (rc <= 0 || length != n)
        return rc < 0 ? -1 : wrong(why, "it is not one head");
    for (size_t at = 0; at < n - 2;) {
        size_t end = (size_t)((const char *)memchr(p + at, '\n', n - at) - p);
        rc = at == 0 ? parse_status(p, end - 1, out, why) : parse_field(p + at, end - 1 - at, out, why);
        if (rc < 0)
            return -1;
        at = end + 1;
    }
    return 0;
}

/* ---- The page behind it ---- */

/* Behind an element whose content is not text: <script>, <style>; or behind the tag alone. */
static size_t skip_tag(const char *p, size_t n) {
    static const char *const hidden[] = { "script", "style" };
    const char *close = memchr(p, '>', n);
    if (!close)
        return n;
    size_t at = (size_t)(close - p) + 1;
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(hidden[i]);
        if (n < len + 2 || strncasecmp(p + 1, hidden[i], len) != 0 || is_token(p[1 + len]))
            continue;
        for (; at + len + 2 <= n; at++)
            if (p[at] == '<' && p[at + 1] == '/' && strncasecmp(p + at + 2, hidden[i], len) == 0)
                return at;
        return n;
    }
    return at;
}

void sk_http_words(const char *p, size_t n, char *dst, size_t size) {
    char text[512];
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof text;) {
        bool tag = p[i] == '<', blank = tag || p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r');
        if (!blank)
            text[len++] = p[i];
        else if (len && text[len - 1] != ' ')
            text[len++] = ' ';
        i += tag ? skip_tag(p + i, n - i) : 1;
    }
    if (len && text[len - 1] == ' ')
        len--;
    sk_escape_cut(dst, size, text, len);
}
