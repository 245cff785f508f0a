/* Time that passes: sleep, silent. */
#include "run/wait.h"
#include "sock/expect.h"
#include "verbs/io.h"

static int run_sleep(struct call *c) { return sk_sleep_until(sk_after(c->args[0].u.t), "sleep", &c->err); }

const struct command cmd_sleep = {
    .name = "sleep",
    .group = "wait",
    .summary = "wait for some time",
    .params = (const struct param[]){ ARG("TIME", K_TIME, 1, 1, "100ms, 2s, 1.5 (seconds), 1m"), { .kind = K_END } },
    .result = R_STATUS,
    .examples = (const char *const[]){ "sleep 10ms", NULL },
    .run = run_sleep,
};

static int run_silent(struct call *c) {
    if (sk_silent(c->sock, c->args[0].u.t, &c->err) == 0)
        return 0;
    if (c->err.kind == SK_EXPECT)
        io_got(c, c->sock);
    return io_failed(c, c->sock);
}

const struct command cmd_silent = {
    .name = "silent",
    .group = "wait",
    .summary = "check that nothing arrives for some time",
    .params = (const struct param[]){ ARG("TIME", K_TIME, 1, 1, "how long"), { .kind = K_END } },
    .flags = NEED_SOCK,
    .result = R_STATUS,
    .details = "Data, or the peer's end, within that time is status 1; what came is shown and stays in the socket.",
    .examples =
        (const char *const[]){
            "x = pair ; x1.silent 10ms ; x0.send hi ; fails 1 x1.silent 10ms",
            NULL,
        },
    .run = run_silent,
};
