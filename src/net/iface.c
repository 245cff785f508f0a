#include "net/iface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

int sk_if_index(const char *name, unsigned *index, struct sk_err *err) {
    char shown[64], have[256];
    unsigned found = strlen(name) < IF_NAMESIZE ? if_nametoindex(name) : 0;
    if (found == 0) {
        int e = strlen(name) < IF_NAMESIZE && errno != 0 ? errno : ENODEV;
        if (e != ENODEV && e != ENXIO)
            return sk_fail_sys(err, e, "if_nametoindex", NULL);
        sk_escape_cut(shown, sizeof shown, name, strlen(name));
        if (strlen(name) >= IF_NAMESIZE)
            return sk_fail_sys(err, ENODEV, "if_nametoindex", "interface '%s' is longer than %d", shown,
                               IF_NAMESIZE - 1);
        return sk_fail_sys(err, ENODEV, "if_nametoindex", "no interface '%s'; have %s", shown,
                           sk_if_names(have, sizeof have));
    }
    *index = found;
    return 0;
}

int sk_if_name(unsigned index, char name[16], struct sk_err *err) {
    char have[256];
    if (!if_indextoname(index, name))
        return sk_fail_sys(err, ENXIO, "if_indextoname", "no interface with index %u; have %s", index,
                           sk_if_names(have, sizeof have));
    return 0;
}

int sk_if_list(struct sk_value *out, struct sk_err *err) {
    struct if_nameindex *all = if_nameindex();
    if (!all)
        return sk_fail_sys(err, errno, "if_nameindex", NULL);
    *out = sk_list();
    for (struct if_nameindex *i = all; i->if_index != 0; i++) {
        struct sk_value item = sk_record();
        sk_put(&item, "index", sk_int(i->if_index));
        sk_put_main(&item, "name", sk_text(i->if_name));
        sk_push(out, item);
    }
    if_freenameindex(all);
    return 0;
}

char *sk_if_names(char *dst, size_t size) {
    size_t at = 0;
    dst[0] = '\0';
    struct if_nameindex *all = if_nameindex();
    if (!all)
        return dst;
    for (struct if_nameindex *i = all; i->if_index != 0; i++) {
        size_t need = strlen(i->if_name) + 2;
        if (at + need + 4 > size) {
            snprintf(dst + at, size - at, "...");
            break;
        }
        at += (size_t)snprintf(dst + at, size - at, "%s%s", at ? ", " : "", i->if_name);
    }
    if_freenameindex(all);
    return dst;
}
