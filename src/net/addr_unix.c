/* Addresses without host and port: AF_UNIX, AF_VSOCK, and the sockaddr as hex. */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/parse.h"
#include "net/addr_parts.h"

#define PATH_MAX_LENGTH 107 /* sun_path with its NUL; abstract names begin with a NUL instead */

static int check_path(const char *path, size_t n, const char *shown, struct sk_err *err) {
    char plain[61];
    if (memchr(path, '\0', n))
        return sk_fail_usage(err, "NUL in path %s", shown);
    if (path[0] != '/' && !(n > 2 && memcmp(path, "./", 2) == 0) && !(n > 3 && memcmp(path, "../", 3) == 0))
        return sk_fail_usage(err, "path %s is relative; write unix:./%s", shown,
                             sk_escape_cut(plain, sizeof plain, path, n));
    if (path[n - 1] == '/')
        return sk_fail_usage(err, "path %s ends in '/': a directory is no socket", shown);
    if (n > PATH_MAX_LENGTH)
        return sk_fail_usage(err, "path %s: %zu bytes; a UNIX socket's path has at most %d", shown, n, PATH_MAX_LENGTH);
    return 0;
}

int sk_unix_parse(const char *text, size_t n, bool abstract, struct sk_addr *out, struct sk_err *err) {
    char shown[SK_SHOWN];
    struct sk_buf bytes = { 0 };
    sk_shown(shown, text, n);
    memset(out, 0, sizeof *out);
    out->u.un.sun_family = AF_UNIX;
    if (n == 0 && abstract)
        return sk_fail_usage(err, "the abstract name is empty; write unix:@NAME");
    if (n > 65536)
        return sk_fail_usage(err, "path %s is longer than %d", shown, PATH_MAX_LENGTH);
    if (memchr(text, '\0', n))
        return sk_fail_usage(err, "NUL in path %s", shown);
    if (sk_unescape(&bytes, text, n, err) < 0) {
        sk_buf_done(&bytes);
        return -1;
    }
    const char *path = (const char *)sk_buf_data(&bytes);
    int result = 0;
    if (abstract && bytes.len > PATH_MAX_LENGTH)
        result = sk_fail_usage(err, "abstract name %s: %zu bytes; at most %d", shown, bytes.len, PATH_MAX_LENGTH);
    else if (!abstract && bytes.len > 0)
        result = check_path(path, bytes.len, shown, err);
    if (result == 0) {
        if (bytes.len > 0)
            memcpy(out->u.un.sun_path + abstract, path, bytes.len);
        size_t extra = bytes.len == 0 ? 0 : 1; /* the abstract's first NUL, or the path's last */
        out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes.len + extra);
    }
    sk_buf_done(&bytes);
    return result;
}

int sk_vsock_parse(const char *text, size_t n, struct sk_addr *out, struct sk_err *err) {
    char shown[SK_SHOWN];
    struct sockaddr_vm *vm = (struct sockaddr_vm *)&out->u;
    int64_t cid, port;
    const char *colon = memchr(text, ':', n);
    if (!colon)
        return sk_fail_usage(err, "vsock wants CID:PORT, not %s; write vsock:2:1234", sk_shown(shown, text, n));
    size_t cid_n = (size_t)(colon - text);
    if (sk_parse_int("vsock cid", text, cid_n, 0, UINT32_MAX, &cid, err) < 0 ||
        sk_parse_int("vsock port", colon + 1, n - cid_n - 1, 0, UINT32_MAX, &port, err) < 0)
        return -1;
    memset(out, 0, sizeof *out);
    vm->svm_family = AF_VSOCK;
    vm->svm_cid = (unsigned)cid;
    vm->svm_port = (unsigned)port;
    out->len = sizeof *vm;
    return 0;
}

int sk_raw_parse(const char *text, size_t n, struct sk_addr *out, struct sk_err *err) {
    struct sk_buf bytes = { 0 };
    int result = 0;
    if (n > 3 * sizeof out->u)
        return sk_fail_usage(err, "raw: %zu characters; a sockaddr has at most %zu bytes", n, sizeof out->u);
    if (sk_unhex(&bytes, text, n, err) < 0) {
        sk_buf_done(&bytes);
        return -1;
    }
    memset(out, 0, sizeof *out);
    if (bytes.len < sizeof(sa_family_t) || bytes.len > sizeof out->u) {
        result = sk_fail_usage(err, "raw: %zu bytes; a sockaddr has %zu to %zu", bytes.len, sizeof(sa_family_t),
                               sizeof out->u);
    } else {
        memcpy(&out->u, sk_buf_data(&bytes), bytes.len);
        out->len = (socklen_t)bytes.len;
    }
    sk_buf_done(&bytes);
    return result;
}
