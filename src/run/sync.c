#include "run/sync.h"

#include "run/chaos.h"
#include "run/loop.h"

void sk_queue_add(struct sk_queue *queue, struct sk_waiter *waiter) {
    waiter->before = queue->last;
    waiter->after = NULL;
    *(queue->last ? &queue->last->after : &queue->first) = waiter;
    queue->last = waiter;
}

void sk_queue_remove(struct sk_queue *queue, struct sk_waiter *waiter) {
    *(waiter->before ? &waiter->before->after : &queue->first) = waiter->after;
    *(waiter->after ? &waiter->after->before : &queue->last) = waiter->before;
}

bool sk_queue_grant(struct sk_queue *queue) {
    struct sk_waiter *waiter = queue->first;
    if (!waiter)
        return false;
    sk_queue_remove(queue, waiter);
    waiter->granted = true;
    sk_loop_ready(waiter->task);
    return true;
}

int sk_lock_take(struct sk_lock *lock, const char *op, sk_time deadline, struct sk_err *err) {
    sk_chaos_wait();
    if (!lock->held) {
        lock->held = true;
        return 0;
    }
    struct sk_waiter self;
    enum sk_end end = sk_park_in(&lock->queue, &self, op, deadline);
    if (end == SK_WOKEN)
        return 0;
    if (self.granted) /* and cancelled, or late, before it could run */
        sk_lock_give(lock);
    return sk_end_fail(end, op, deadline, err);
}

void sk_lock_give(struct sk_lock *lock) {
    lock->held = sk_queue_grant(&lock->queue); /* handed over: nobody overtakes who waits */
}

void sk_event_set(struct sk_event *event) {
    event->set = true;
    while (sk_queue_grant(&event->queue))
        continue;
}

void sk_event_clear(struct sk_event *event) { event->set = false; }

int sk_event_wait(struct sk_event *event, const char *op, sk_time deadline, struct sk_err *err) {
    sk_chaos_wait();
    if (event->set)
        return 0;
    struct sk_waiter self;
    enum sk_end end = sk_park_in(&event->queue, &self, op, deadline);
    return end == SK_WOKEN ? 0 : sk_end_fail(end, op, deadline, err);
}
