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
/* For setsockopt and getsockopt with these operands before: names of options that the socket called name[n] (the
 * current one when n is 0) may have, and their values when `sets`. */
void live_options(struct frame *f, const char *name, size_t n, const char *const *before, size_t count, bool sets,
                  live_offer *offer, void *arg);
/* Take the addresses that a line names for the completion of later ones. */
void live_remember(const char *line);
/* sock:NAME, addresses that were used in this session, names of /etc/hosts. */
void live_addresses(struct frame *f, live_offer *offer, void *arg);

#endif
