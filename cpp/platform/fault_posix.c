/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pages.h"

/* A guard is SIGSEGV on Linux, SIGBUS on Darwin. */
enum { SIGNALS = 2 };
static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};

/* What stood there before us. A handler may be reading it on any thread at any time, so that it is
 * never changed nor freed; a later watch that finds something else makes another, and one that finds
 * what has stood there before takes that again. */
struct earlier {
    struct earlier *older;
    struct sigaction action;
    atomic_bool spent;          /* SA_RESETHAND, and it has run */
};

static struct earlier *_Atomic earlier_of[SIGNALS];
static struct earlier *made[SIGNALS];    /* all of them, the newest first; under lock */
static strand_fault_look _Atomic looker;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watches;                 /* under lock */
static bool installed[SIGNALS];          /* under lock */

/* ---- In the handler -------------------------------------------------------------------------- */

/* Returning from the handler repeats the instruction, and that fault is deadly. A signal that
 * somebody sent would not come again by itself. */
static void die_by_default(int number, const siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(number, &action, NULL);
    if (info->si_code <= 0)
        raise(number);
}

static void pass_on(struct earlier *earlier, int number, siginfo_t *info, void *context)
{
    const struct sigaction *action = &earlier->action;
    bool sent = info->si_code <= 0;
    if (action->sa_handler == SIG_IGN && sent)
        return;
    /* The kernel lets nobody ignore a fault. */
    if (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN ||
        ((action->sa_flags & SA_RESETHAND) && atomic_exchange(&earlier->spent, true)))
        die_by_default(number, info);
    else if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(number, info, context);
    else
        action->sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    strand_fault_look look = atomic_load(&looker);
    bool own = info->si_code > 0 && look(info->si_addr);
    errno = saved_errno;
    pass_on(atomic_load(&earlier_of[number == SIGBUS]), number, info, context);
    if (own)
        die_by_default(number, info);
}

/* ---- Installing ------------------------------------------------------------------------------ */

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handle;
}

/* Linux shows one more, which is libc's, once an action was set. */
enum { FLAGS = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_NOCLDSTOP | SA_NOCLDWAIT };

static bool same(const struct sigaction *a, const struct sigaction *b)
{
    int differ = (a->sa_flags ^ b->sa_flags) & (FLAGS | (int)SA_RESETHAND);
    bool same = differ == 0 && a->sa_handler == b->sa_handler;
    for (int number = 1; number < NSIG && same; number++)
        same = sigismember(&a->sa_mask, number) == sigismember(&b->sa_mask, number);
    return same;
}

/* The record of what stands there now. */
static struct earlier *find_or_make(int i)
{
    struct sigaction now;
    sigaction(signals[i], NULL, &now);
    for (struct earlier *earlier = made[i]; earlier; earlier = earlier->older)
        if (!atomic_load(&earlier->spent) && same(&earlier->action, &now))
            return earlier;
    struct earlier *earlier = calloc(1, sizeof *earlier);
    if (!earlier)
        return NULL;
    earlier->action = now;
    earlier->older = made[i];
    made[i] = earlier;
    return earlier;
}

static int install(int i)
{
    struct earlier *earlier = find_or_make(i);
    if (!earlier)
        return -ENOMEM;
    atomic_store(&earlier_of[i], earlier);

    struct sigaction ours = earlier->action;
    ours.sa_sigaction = handle;
    ours.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    ours.sa_flags &= (int)~(unsigned)SA_RESETHAND;
    sigaction(signals[i], &ours, NULL);
    installed[i] = true;
    return 0;
}

/* Only when nobody stands in front of us: they would pass faults on to us for ever. */
static void uninstall(int i)
{
    struct sigaction now;
    sigaction(signals[i], NULL, &now);
    if (!installed[i] || !is_ours(&now))
        return;
    struct earlier *earlier = atomic_load(&earlier_of[i]);
    struct sigaction before = earlier->action;
    if (atomic_load(&earlier->spent))
        before = (struct sigaction){.sa_handler = SIG_DFL};
    sigaction(signals[i], &before, NULL);
    installed[i] = false;
}

int strand_fault_watch(strand_fault_look look)
{
    int status = 0;
    pthread_mutex_lock(&lock);
    atomic_store(&looker, look);
    for (int i = 0; i < SIGNALS && status == 0; i++)
        status = installed[i] ? 0 : install(i);
    if (status == 0)
        watches++;
    else if (watches == 0)
        for (int i = 0; i < SIGNALS; i++)
            uninstall(i);
    pthread_mutex_unlock(&lock);
    return status;
}

void strand_fault_unwatch(void)
{
    pthread_mutex_lock(&lock);
    if (--watches == 0)
        for (int i = 0; i < SIGNALS; i++)
            uninstall(i);
    pthread_mutex_unlock(&lock);
}

/* ---- Stacks for it --------------------------------------------------------------------------- */

enum { STACK_BYTES = 256 * 1024 };

/*
 *   one page | STACK_BYTES              | one page
 *   guard    | low: the handlers' stack | this structure
 */
struct strand_fault_stack {
    char *low;
    stack_t before;      /* while given */
    bool given;
};

static size_t mapped_bytes(void)
{
    return STACK_BYTES + 2 * strand_pages_size();
}

struct strand_fault_stack *strand_fault_stack_create(void)
{
    void *pages;
    if (strand_pages_reserve(mapped_bytes(), &pages) < 0)
        return NULL;
    /* Without it the stack serves as well, only less safely: mappings may have run out. */
    (void)mprotect(pages, strand_pages_size(), PROT_NONE);
    char *low = (char *)pages + strand_pages_size();
    struct strand_fault_stack *stack = (struct strand_fault_stack *)(low + STACK_BYTES);
    stack->low = low;
    return stack;
}

void strand_fault_stack_destroy(struct strand_fault_stack *stack)
{
    strand_pages_release(stack->low - strand_pages_size(), mapped_bytes());
}

void strand_fault_stack_give(struct strand_fault_stack *stack)
{
    stack->given = false;
    if (sigaltstack(NULL, &stack->before) < 0)
        return;
    if (!(stack->before.ss_flags & SS_DISABLE) && stack->before.ss_size >= STACK_BYTES)
        return;
    const stack_t ours = {.ss_sp = stack->low, .ss_size = STACK_BYTES};
    stack->given = sigaltstack(&ours, NULL) == 0;
}

bool strand_fault_stack_take_back(struct strand_fault_stack *stack)
{
    stack_t now;
    if (!stack->given)
        return true;
    stack->given = false;
    if (sigaltstack(NULL, &now) < 0 || now.ss_sp != stack->low)
        return false;
    return sigaltstack(&stack->before, NULL) == 0;
}
