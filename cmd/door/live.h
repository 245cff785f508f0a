/* What a running session adds to completion. Without a frame there is nothing. */
#ifndef DOOR_LIVE_H
#define DOOR_LIVE_H

#include "lang/frame.h"

typedef void live_offer(void *arg, const char *word, const char *about);

/* Sockets, pollers, buffers and files, each with `after` behind its name. */
void live_objects(struct frame *f, const char *after, live_offer *offer, void *arg);
/* Does the method make sense for the object called name[n] as it is now? True when nothing is known about it. */
bool live_method(struct frame *f, const char *name, size_t n, const struct command *cmd);
/* $NAME; after `$NAME.` its fields, after `$NAME[` the numbers of its items. */
void live_variables(struct frame *f, const char *typed, live_offer *offer, void *arg);
/* sock:NAME, addresses that sockets of this session have or had at their ends, names of /etc/hosts. */
void live_addresses(struct frame *f, live_offer *offer, void *arg);

#endif
