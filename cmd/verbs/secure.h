/* From the options of TLS to settings, and from what became of them to the result: shared by the verbs that speak TLS.
 */
#ifndef VERBS_SECURE_H
#define VERBS_SECURE_H

#include "lang/call.h"
#include "sock/tls.h"

/* For a row's check(): options of TLS are only taken where TLS is asked for, and must agree. */
int secure_check(const struct common *opt, bool is_tls, struct sk_err *err);
/* Read the files and make the settings; the caller frees them with sk_tls_settings_free. names[count]: for a
 * certificate that is made (server), or none. */
int secure_settings(struct call *c, bool server, const char *const *names, size_t count, struct sk_tls_settings **out);
/* The same for a client that inspects: nothing that is wrong with a server ends its handshakes. */
int secure_inspection(struct call *c, struct sk_tls_settings **out);
/* All of a file, at most 16 MiB; the content is the arena's. path NULL: nothing was asked. */
int secure_read(struct call *c, const char *path, struct sk_tls_file *out);
/* The secret that "file:PATH" (its first line) or "env:NAME" names: the call's memory; NULL for NULL. */
int secure_secret(struct call *c, const char *option, const char *where, char **out);
/* After a failure in c->err: what was wrong with the certificate, beside it. Always -1. */
int secure_failed(struct call *c, const struct sk_tls_settings *settings);
/* After success: what was not verified is told, always. */
void secure_note(struct call *c, const struct sk_tls_settings *settings);
#endif
