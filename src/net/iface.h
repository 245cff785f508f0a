/* Interfaces by name and index. */
#ifndef SK_NET_IFACE_H
#define SK_NET_IFACE_H

#include <stddef.h>

#include "base/err.h"
#include "base/value.h"

int sk_if_index(const char *name, unsigned *index, struct sk_err *err); /* ENODEV when unknown */
int sk_if_name(unsigned index, char name[16], struct sk_err *err);      /* ENXIO when unknown */
int sk_if_list(struct sk_value *out, struct sk_err *err);               /* list of records {index, name} */
/* "lo, eth0" for messages. */
char *sk_if_names(char *dst, size_t size);

#endif
