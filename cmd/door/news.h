/* What happened at sockets while nobody looked: told once until it was read, and nothing is consumed. */
#ifndef DOOR_NEWS_H
#define DOOR_NEWS_H

#include <poll.h>

#include "lang/frame.h"

struct seen; /* what was told about one socket */
struct news {
    struct seen *list; /* in the order of the session's sockets */
    size_t count;
    sk_time next; /* when what was held back may be told, or SK_NEVER */
};

void news_done(struct news *n);
/* Look at every socket, and at jobs that ended; append a line for each piece of news. */
void news_look(struct news *n, struct frame *f, struct sk_buf *lines);
/* What to wait for until the next look, for at most `most` sockets; returns how many. most 0: how many there are. */
size_t news_watch(const struct news *n, struct frame *f, struct pollfd *fds, size_t most);
/* Was it told that the peer of this socket closed? */
bool news_ended(const struct news *n, struct sk_ref ref);

#endif
