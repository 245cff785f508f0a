/* Ancillary data as values: used by msg.c alone, apart for its tests. */
#ifndef SK_SOCK_CMSG_H
#define SK_SOCK_CMSG_H

#include <sys/socket.h>

#include "base/value.h"
#include "net/addr.h"

/* The control block of a received message as a list of records {level, type, ..., hex}; level and type are constants'
 * names, or digits. Lengths in the block are not believed beyond its own. */
struct sk_value sk_cmsg_decode(struct msghdr *msg);

#endif
