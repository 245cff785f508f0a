/* The socket system calls, one function each: try the call, on EAGAIN wait with the deadline, try again; EINTR is
 * invisible. Descriptors here are non-blocking. Nothing knows socket objects. */
#ifndef SK_NET_SYS_H
#define SK_NET_SYS_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/addr.h"

/* socket(2), socketpair(2) with SOCK_CLOEXEC | SOCK_NONBLOCK. Returns the descriptor. EAFNOSUPPORT: "no IPv6 on this
 * system". */
int sk_sys_socket(int family, int type, int proto, struct sk_err *err);
int sk_sys_pair(int family, int type, int proto, int fds[2], struct sk_err *err);
int sk_sys_bind(int fd, const struct sk_addr *addr, struct sk_err *err);
int sk_sys_listen(int fd, int backlog, struct sk_err *err);
/* connect(2). EINPROGRESS and EALREADY wait for POLLOUT and call connect again; EISCONN then means done (RELIABILITY.md
 * G3). An AF_UNIX EAGAIN (backlog full) is retried with growing pauses until the deadline. SK_NOWAIT: EINPROGRESS is
 * returned as the error. On SK_TIMEOUT the attempt goes on in the kernel. A TCP socket that met itself
 * (simultaneous open: the kernel chose for it the port it asks for) is connected, as for connect(2): no call is made
 * to find out. */
int sk_sys_connect(int fd, const struct sk_addr *addr, sk_time deadline, struct sk_err *err);
/* connect(2) for those who connect often and to whom a failure is an answer: 0, or an errno, without a sentence. What
 * is begun is looked at once more: on loopback the answer has come by then, and nobody needs to wait. EALREADY: it goes
 * on, sk_sys_connect waits for it. */
int sk_sys_connect_now(int fd, const struct sk_addr *addr);
/* accept4(2); ECONNABORTED, EPROTO and network errors of the dead connection try again (accept(2), Linux). Returns the
 * descriptor. */
int sk_sys_accept(int fd, struct sk_addr *peer, sk_time deadline, struct sk_err *err);
/* read(2)/write(2) for descriptors that are not sockets and may be blocking ones that were lent (0 to 2): waits for
 * readiness first where a call could block, never changes flags. Returns bytes, 0 at end of input. write: one call, at
 * most PIPE_BUF when only poll protects it. */
ssize_t sk_sys_read(int fd, void *buf, size_t n, sk_time deadline, struct sk_err *err);
ssize_t sk_sys_write(int fd, const void *buf, size_t n, sk_time deadline, struct sk_err *err);
/* One sendfile(2) step from a file to a socket. */
ssize_t sk_sys_sendfile(int fd, int file, off_t *offset, size_t n, sk_time deadline, struct sk_err *err);
int sk_sys_shutdown(int fd, int how, struct sk_err *err);
int sk_sys_getsockname(int fd, struct sk_addr *addr, struct sk_err *err);
int sk_sys_getpeername(int fd, struct sk_addr *addr, struct sk_err *err);

#endif
