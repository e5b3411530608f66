/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @mainpage libstrand: green threads on one carrier
 *
 * A strand is plain blocking code that runs on a stack of its own. Where it would block it parks,
 * and the carrier (the OS thread inside strand_scheduler_run) runs the next ready strand, strictly
 * first in, first out. With no outside event the order is a function of the program alone.
 *
 * Results: 0 or a positive count is success, a negative errno value is an error. Nothing aborts on
 * what the world does wrong.
 *
 * Who may call: a function marked "any thread" may be called from anywhere. Every other function
 * that takes no scheduler belongs to a strand and gives -EPERM elsewhere, also inside
 * strand_call_on_carrier. `s` may be NULL where the caller is a strand: its own scheduler.
 *
 * Parking calls: a call that can proceed at once does so. A call that would wait first looks for a
 * cancel (strand_cancel, stop), consumes it and returns -ECANCELED; then at its deadline, and
 * returns -ETIMEDOUT when that has passed; otherwise it parks.
 *
 * Structures that begin with `size` are versioned: set it to sizeof before the call; 0 is EINVAL.
 *
 * The parts: @ref identity, @ref schedulers, @ref strands, @ref growth, @ref streams,
 * @ref listeners. @ref first shows how a program is linked.
 */
#ifndef STRAND_STRAND_H
#define STRAND_STRAND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAND_API __attribute__((visibility("default")))

/* ---- Identity, time -------------------------------------------------------------------------- */
/** @defgroup identity Identity, time
 * @{ */

/** One ready queue, one loop, and the strands that run by them. */
typedef struct strand_scheduler strand_scheduler;
/** A descriptor with line buffers. */
typedef struct strand_stream strand_stream;
/** A socket that takes connections. */
typedef struct strand_listener strand_listener;

/** Slot and generation, unique in the process; 0 names none. A stale id never names another. Only
 * what was given out may be passed: a made-up id may be that of a strand whose own nobody has. */
typedef uint64_t strand_id;
/** What a strand runs; the strand ends when it returns. */
typedef void (*strand_entry)(void *argument);

/** "major.minor.patch"; static storage. Any thread. */
STRAND_API const char *strand_version(void);

/** No deadline. */
#define STRAND_FOREVER INT64_MAX
/** A deadline_ns is absolute on this clock (CLOCK_MONOTONIC); a past one tries once. Any thread. */
STRAND_API int64_t strand_now_ns(void);

/** @} */

/* ---- Scheduler ------------------------------------------------------------------------------- */
/** @defgroup schedulers Scheduler
 * @{ */

/** What lies below a stack, so that an overflow is a fault. */
enum strand_guards {
    STRAND_GUARDS_AUTO = 0,   /**< lightweight where the kernel really has them, else mprotect */
    STRAND_GUARDS_MPROTECT,   /**< mprotect, up to a share of vm.max_map_count, then -EAGAIN */
    STRAND_GUARDS_NONE,       /**< none: an overflow corrupts its neighbour; only by this wish */
};

/** What strand_scheduler_init may be told; a field of 0 asks for its default. */
struct strand_scheduler_options {
    size_t size;              /**< sizeof (struct strand_scheduler_options) */
    size_t stack_bytes;       /**< usable bytes of a strand's stack by default; 0: 256 KiB */
    size_t max_strands;       /**< live at once; 0: no limit but memory. Above it: -EAGAIN
                                 (threads that spawn in the same moment may pass it) */
    enum strand_guards guards;    /**< what lies below a stack */
    unsigned poll_bound;      /**< switches between two looks at the outside; 0: 1024 */
    int64_t grace_ns;         /**< how long a stop waits for strands to end; 0: 1 s */
    size_t max_stack_bytes;       /**< usable bytes of one strand's segments; 0: no limit */
    size_t max_stack_bytes_all;   /**< of all strands' segments together; 0: no limit */
    int dense_stacks;         /**< strands get a dense stack unless they name stack_bytes: 4 KiB in
                                 huge pages, no guard, a canary looked at by each switch. For code
                                 of known depth (on ucontext and in sanitizers' builds 16 KiB, with
                                 a guard: contexts and frames are larger there) */
    int no_overflow_report;   /**< leaves SIGSEGV and SIGBUS alone: an overflow is a plain fault */
};

/** The classes of stacks by usable bytes: dense (4 KiB), 8, 16, 64, 256 KiB, 1 and 8 MiB. */
#define STRAND_STACK_CLASSES 7
/** The stacks of one class. */
struct strand_stack_class_stats {
    size_t usable_bytes;      /**< what a strand has of such a stack */
    uint64_t live, pooled;    /**< slots in use; slots kept for the next strand or segment */
    uint64_t trimmed;         /**< times a slot's idle pages were given back */
};

/** Statistics, approximate while the scheduler runs. */
struct strand_scheduler_stats {
    size_t size;                               /**< sizeof (struct strand_scheduler_stats) */
    uint64_t live, ready, parked;              /**< strands now, by state */
    uint64_t spawned, finished;                /**< strands so far */
    uint64_t switches;                         /**< times a strand was given the carrier */
    uint64_t wakes, remote_wakes;              /**< parked strands made ready; by the inbox */
    uint64_t polls, timers_fired;              /**< looks at the outside; deadlines that came */
    uint64_t stacks_live, stacks_pooled;       /**< slots in use; slots kept for the next strand */
    uint64_t stack_bytes_reserved;             /**< address space */
    /** by streams */
    uint64_t lines_in, lines_out, bytes_in, bytes_out, overlong_lines;
    uint64_t accept_backoffs;                  /**< pauses for want of descriptors */
    uint64_t pinned_waits;                     /**< waits that held the carrier */
    const char *context, *loop, *guards;       /**< "asm", "epoll", "lightweight"; static storage */
    uint64_t segments_linked, segments_freed;  /**< by strand_call */
    uint64_t stack_bytes_resident;             /**< as of the last look for idle pages */
    /** the smallest first */
    struct strand_stack_class_stats stack_classes[STRAND_STACK_CLASSES];
};

/** Makes a scheduler. options may be NULL. -EINVAL, -ENOMEM, -EMFILE; nothing is left behind on
 * error. */
STRAND_API int strand_scheduler_init(const struct strand_scheduler_options *options,
                                     strand_scheduler **out);

/**
 * Makes the caller the carrier until every strand has finished, or a stop has run its course: 0.
 * -EDEADLK after a dump on standard error when every remaining strand waits, without deadline, in a
 * join or a stream's queue for another such strand; they stay, to be cancelled or shut down.
 * -EBUSY when it runs already, -EPERM from a strand or in the child of a fork.
 */
STRAND_API int strand_scheduler_run(strand_scheduler *s);

/**
 * Asks the scheduler to end: every strand is cancelled, no new one begins (-ECANCELED), and `run`
 * returns when all have ended or the grace period is over; those left are dumped by name. Any
 * thread, and from a signal handler. A stop before run is met by run. With nothing running it
 * changes nothing else.
 */
STRAND_API int strand_scheduler_stop(strand_scheduler *s);

/**
 * Ends what is left as a stop does, flushes, and frees the scheduler. -EBUSY while it runs. Strands
 * that would not end are dumped and their memory is left alone. -EPERM in the child of a fork.
 */
STRAND_API int strand_scheduler_shutdown(strand_scheduler *s);

/** Its statistics as they are now. Any thread. */
STRAND_API int strand_scheduler_stats(strand_scheduler *s, struct strand_scheduler_stats *out);

/** Writes every strand to fd: id, name, state, why parked, since when. Any thread. */
STRAND_API void strand_scheduler_dump(strand_scheduler *s, int fd);

/**
 * The same, and below each native strand that is not running who called whom, at most 64 a segment,
 * as "file(function+0x12) [address]": addr2line finds the line, and names what is not exported. Not
 * with the ucontext switch, nor on macOS. Takes some microseconds a strand, during which none runs.
 */
STRAND_API void strand_scheduler_dump_stacks(strand_scheduler *s, int fd);

/** @} */

/* ---- Strands --------------------------------------------------------------------------------- */
/** @defgroup strands Strands
 * @{ */

#define STRAND_NAME_BYTES 32   /**< with the final NUL; longer names are cut */

/** What strand_spawn_with may be told of one strand. */
struct strand_options {
    size_t size;               /**< sizeof (struct strand_options) */
    const char *name;          /**< NULL: none; copied */
    size_t stack_bytes;        /**< 0: the scheduler's default; above the largest class: -EINVAL */
    size_t max_stack_bytes;    /**< usable bytes of its segments; 0: the scheduler's limit */
    int dense_stack;           /**< see dense_stacks; stack_bytes must be 0 or at most 4 KiB */
};

/** Begins a strand. id may be NULL. Any thread, while `s` lives. -EINVAL, -ENOMEM, -EAGAIN at a
 * limit. */
STRAND_API int strand_spawn(strand_scheduler *s, strand_entry entry, void *argument, strand_id *id);
/** The same with options, which may be NULL. */
STRAND_API int strand_spawn_with(strand_scheduler *s, const struct strand_options *options,
                                 strand_entry entry, void *argument, strand_id *id);

/** Goes to the tail of the ready queue. Nothing outside a strand. Consumes no cancel. */
STRAND_API void strand_yield(void);

/** The calling strand; 0 outside a strand. */
STRAND_API strand_id strand_self(void);

/**
 * Ends the calling strand, its defers first; anywhere else, and in a defer, it aborts the process.
 * A result that is not NULL and that no joiner waits for is kept (64 bytes) until the first join
 * takes it or the scheduler is shut down.
 */
STRAND_API __attribute__((noreturn)) void strand_exit(void *result);

/**
 * Waits for the end of a strand; 0 also if it has ended already, then *result is what was kept for
 * the first join, else NULL. result may be NULL. Any number of joiners. -EDEADLK for itself, -ESRCH
 * for an id never given out, -ECANCELED, -ETIMEDOUT. The strand may be another scheduler's.
 */
STRAND_API int strand_join(strand_id id, int64_t deadline_ns, void **result);

/** The strand's current or next call that waits returns -ECANCELED. Any thread. -ESRCH after the
 * end. */
STRAND_API int strand_cancel(strand_id id);

/** A duration of zero or less yields. 0, -ECANCELED. */
STRAND_API int strand_sleep(int64_t duration_ns);
/** The same until a time. */
STRAND_API int strand_sleep_until(int64_t deadline_ns);

/**
 * Parks until strand_wake. A wake that came before is kept and consumed at once, several are one.
 * `reason` (static storage, NULL: "parked") stands in dumps. 0, -ECANCELED, -ETIMEDOUT.
 */
STRAND_API int strand_park(const char *reason, int64_t deadline_ns);

/** Ends a park. Any thread. -ESRCH when the strand has ended or its scheduler is gone. */
STRAND_API int strand_wake(strand_id id);

/** Runs fn(arg) when the strand ends, however it ends, the last one first. -ENOMEM. Calls that park
 * work inside a defer and are not cancelled there. */
STRAND_API int strand_defer(void (*fn)(void *), void *arg);

/** A key is process-wide, from strand_key_create (any thread, -EAGAIN after 1,024); a strand's
 * value for it is NULL until set. `destroy` (may be NULL) gets what is not NULL at a strand's
 * end. */
typedef uint32_t strand_key;
/** A new key, see strand_key. */
STRAND_API int strand_key_create(void (*destroy)(void *), strand_key *key);
/** The calling strand's value from now on. -EINVAL for no key, -ENOMEM. */
STRAND_API int strand_set_local(strand_key key, void *value);
/** The calling strand's value. */
STRAND_API void *strand_local(strand_key key);

/** Waits for poll(2)'s POLLIN, POLLOUT, POLLPRI; returns the ready events (with POLLERR, POLLHUP).
 * The descriptor may be blocking and is left as it is. -EBADF, -EINVAL, -ECANCELED, -ETIMEDOUT. */
STRAND_API int strand_wait_fd(int fd, unsigned events, int64_t deadline_ns);

/** Runs fn(arg) on the carrier's own stack, to completion; strand calls in it give -EPERM. */
STRAND_API int strand_call_on_carrier(void (*fn)(void *), void *arg);

/** @} */

/* ---- Growth of stacks ------------------------------------------------------------------------ */
/** @defgroup growth Growth of stacks
 *
 * A strand's stack does not move. It grows by further segments, linked by those who know what they
 * need: a call (strand_call), a function's first line (STRAND_GROW), or every function of code that
 * gcc built with -fsplit-stack for x86_64, which runs on strands unchanged. Link such code with
 * -fuse-ld=gold, which gives each call out of it to other code (libc, this library) 16 KiB.
 * @{ */

/** Bytes left on the calling strand's stack segment; 0 outside a strand. */
STRAND_API size_t strand_stack_remaining(void);

/**
 * Runs fn(arg) with at least stack_bytes of stack: here where they fit, with 1 KiB to spare (4 KiB
 * under a sanitizer), else on a further segment, at least twice as large as the last up to 8 MiB,
 * which is given back when fn returns or the strand ends inside it. All that a strand may do works
 * in fn; an exception that leaves fn may end the process, and a floating-point mode that fn sets
 * may end with it. 0; and with fn not run -EINVAL (no fn, 0, absurd), -ENOMEM, -EAGAIN at a limit
 * (max_stack_bytes, max_stack_bytes_all).
 */
STRAND_API int strand_call(size_t stack_bytes, void (*fn)(void *), void *arg);

/**
 * The first line of a function that may recurse deeply. `bytes`: what its frame takes, and the
 * calls in it up to those that ask for themselves. 0: there is room, or this is no strand; go on.
 * 1: fn(argument), this function, has been run on a further segment; return. -EINVAL, -ENOMEM,
 * -EAGAIN: there is no room and none to be had.
 *
 *     static void visit(void *argument)
 *     {
 *         struct node *node = argument;
 *         int grown = STRAND_GROW(512, visit, node);
 *         if (grown < 0)
 *             node->error = grown;
 *         if (grown)
 *             return;
 *         for (struct node *child = node->first; child; child = child->next)
 *             visit(child);
 *     }
 */
#define STRAND_GROW(bytes, fn, argument) strand_grow((bytes), (fn), (argument))
/** What STRAND_GROW calls. */
STRAND_API int strand_grow(size_t stack_bytes, void (*fn)(void *), void *arg);

/** Gets one range of memory, see strand_walk_stack. */
typedef void (*strand_range_visitor)(void *context, const void *low, const void *high);

/**
 * Visits, for a conservative collector, all memory where a strand that has not ended keeps values
 * of its own: the live part of each of its segments, the innermost first, with the registers it
 * left; its argument, locals and defers. low and high are aligned to pointers. `visit` must not
 * park, nor free or end what it is shown; memory that gcc's split code got by alloca is not shown.
 *
 * For a strand of the caller's own scheduler, from one of its strands (also the calling one: what
 * it holds at this call) or inside strand_call_on_carrier. -EPERM elsewhere and for a strand of
 * another scheduler, -ESRCH after the end, -EINVAL for a Java strand, whose frames are the JVM's.
 */
STRAND_API int strand_walk_stack(strand_id id, strand_range_visitor visit, void *context);

/** @} */

/* ---- Streams: descriptors with line buffers -------------------------------------------------- */
/** @defgroup streams Streams: descriptors with line buffers
 *
 * One reader and one writer at a time; others queue, first come, first served. An error on output
 * that was accepted earlier is reported by the next call on that stream.
 * @{ */

/** What strand_stream_open may be told. */
struct strand_stream_options {
    size_t size;               /**< sizeof (struct strand_stream_options) */
    size_t max_line_bytes;     /**< without its ending; 0: 1 MiB */
    int keep_fd;               /**< strand_close leaves the descriptor open */
};

/** What a line ended with; the value is its number of bytes. */
enum strand_line_ending { STRAND_ENDING_NONE = 0, STRAND_ENDING_LF = 1, STRAND_ENDING_CRLF = 2 };

/**
 * A line: bytes up to `\n`; the newline is taken off, and one `\r` before it. `text` is not
 * NUL-terminated; it points into the stream's buffer and is the reader's until its next read on
 * that stream or strand_line_release. The ending's own bytes (0, 1, 2 as `ending` says) follow it
 * in memory, so that (text, length + ending) is the line as it came.
 */
struct strand_line {
    size_t size;                      /**< sizeof (struct strand_line) */
    const char *text;                 /**< its bytes */
    size_t length;                    /**< how many, without the ending */
    enum strand_line_ending ending;   /**< what was taken off */
};

/**
 * Takes over fd; strand_close closes it unless keep_fd. The descriptor's flags are never changed.
 * Belongs to the calling strand's scheduler. -EBADF, -EINVAL, -ENOMEM.
 */
STRAND_API int strand_stream_open(int fd, const struct strand_stream_options *options,
                                  strand_stream **out);

/** The process's own; the first scheduler that uses one owns it, another gets NULL, errno EBUSY. */
STRAND_API strand_stream *strand_stdin(void);
/** The same for standard output. */
STRAND_API strand_stream *strand_stdout(void);

/**
 * Reads a line. 1 a line, 0 end of input, -E2BIG once for a line over the limit (the next call
 * resumes after its newline), -EBADF when closed meanwhile, else what read(2) says.
 */
STRAND_API int strand_read_line(strand_stream *in, struct strand_line *line);
/** Who has read a line and waits elsewhere lets go of it first: the buffer is then given back. */
STRAND_API int strand_line_release(strand_stream *in);

/** Writes a line, to which it adds `\n`; atomic among strands. 0; the bytes go out when the strand
 * parks or ends, when 64 KiB wait (then the writer parks until there is room), or on flush, close
 * and stop. */
STRAND_API int strand_write_line(strand_stream *out, const char *text, size_t length);

/** Reads up to size bytes, 0 at the end of input. Takes what is buffered first. */
STRAND_API ssize_t strand_read(strand_stream *s, void *to, size_t size);
/** Writes all of them, atomic among strands, buffered as write_line's are: size, or -errno. */
STRAND_API ssize_t strand_write(strand_stream *s, const void *from, size_t size);

/** Writes to standard output; the bytes go out as strand_write_line says. */
STRAND_API int strand_print(const char *text, size_t length);
/** The same, with a newline. */
STRAND_API int strand_println(const char *text, size_t length);

/** Parks until every accepted byte is with the kernel. */
STRAND_API int strand_flush(strand_stream *s);
/** Flushes, then ends the output side; reading goes on. -ENOTSOCK where there is no such half. */
STRAND_API int strand_shutdown_write(strand_stream *s);
/** Flushes, wakes everyone who waits on it with -EBADF, closes. Its result is the flush's; the
 * stream is gone in any case. */
STRAND_API int strand_close(strand_stream *s);
/** How long a line may be, without its ending, from the next that is read on; 0: 1 MiB. For those of
 * an accepted connection, of which one that never ends its line holds so much memory. */
STRAND_API int strand_set_max_line(strand_stream *s, size_t max_line_bytes);
/** A deadline for the calls that begin on it from now on; STRAND_FOREVER for none. One that waits
 * already keeps its own. */
STRAND_API int strand_set_deadline(strand_stream *s, int64_t deadline_ns);

/** @} */

/* ---- Listeners and connections --------------------------------------------------------------- */
/** @defgroup listeners Listeners and connections
 *
 * An address is "127.0.0.1:7000", "[::1]:0", "unix:/path", or "name:7000": a name is looked up on a
 * thread of its own while the strand parks, and its addresses are tried in the order the system
 * gives them. No such name: -ENXIO; no name server answers: -ENETUNREACH. The file of a unix socket
 * that is listened on is its owner's alone (mode 0600); chmod(2) lets others connect.
 * @{ */

/**
 * Listens on the first address that lets it. backlog <= 0: SOMAXCONN. Belongs to the calling
 * strand's scheduler. -EINVAL for what is no address, else what bind says. Parks for a name only,
 * for as long as the system looks for it, unless canceled.
 */
STRAND_API int strand_listen(const char *address, int backlog, strand_listener **out);
/** The bound address in the form above, NUL-terminated. -ENOSPC when it does not fit. */
STRAND_API int strand_listener_address(strand_listener *l, char *text, size_t size);
/** Waits for a connection. Out of descriptors it backs off and tries again. -EBADF when closed
 * meanwhile. */
STRAND_API int strand_accept(strand_listener *l, int64_t deadline_ns, strand_stream **out);
/** Closes it; whoever waits in accept gets -EBADF. */
STRAND_API int strand_listener_close(strand_listener *l);
/** Connects. The deadline is for all of it: the name, and each address, where all but the last have
 * an even share of what is left, but at least 250 ms. The error is that of the last one tried. */
STRAND_API int strand_connect(const char *address, int64_t deadline_ns, strand_stream **out);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
