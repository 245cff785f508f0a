/* From plain text to the point where TLS begins, in the words of each protocol: STARTTLS and its kin. */
#ifndef SK_SOCK_UPGRADE_H
#define SK_SOCK_UPGRADE_H

#include "sock/sock.h"

/* What is asked for; everything is borrowed. */
struct sk_upgrade {
    const char *protocol; /* one of sk_upgrade_protocols */
    const char *domain;   /* whom the certificate must be for: XMPP servers are told it. NULL: nobody in particular */
    const char *ehlo;     /* SMTP: the name that is given; NULL: the host name */
};
extern const char *const sk_upgrade_protocols[]; /* "smtp", "imap", ...: ends with NULL */

/* Whether the words fit, without a system call: 0, or -1 with SK_USAGE (an unknown protocol; a name that would end its
 * line; a name where the protocol takes none; a domain that XMPP cannot be asked for, when there is one). */
int sk_upgrade_check(const struct sk_upgrade *how, struct sk_err *err);

/* Hold the dialogue on a connected stream of plain text, as its client: 0 when the server waits for TLS and nothing is
 * buffered, so that sk_tls_start may follow. Waits for the replies of the server.
 *
 * SK_TLS_HANDSHAKE: the server refuses or does not offer it, speaks another protocol, says too much (a line of 4 KiB,
 * 500 lines, 16 KiB at once), or said more than the go-ahead: that might be somebody else's, to be taken for what TLS
 * protects (CVE-2011-0411). SK_EOF, SK_TIMEOUT, SK_SYS as they come; op is "starttls" unless a system call failed. What
 * the server said is quoted in the bytes that a terminal may see. After a failure the connection is of no use. */
int sk_upgrade(struct sk_sock *s, const struct sk_upgrade *how, sk_time deadline, struct sk_err *err);

#endif
