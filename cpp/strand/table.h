/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: the one thing that threads share about strands. One entry a strand, in chunks that are
 * never unmapped and are read without locks, so that an id from anywhere, however old, can be
 * looked at safely.
 *
 *   id    [ generation : 32 | slot : 32 ]        slot 0 is never given out, so that no id is 0
 *   word  [ generation : 32 | post bits   ]
 *
 * What another thread wants of a strand it posts: bits in `word`, set by compare-and-set only while
 * the generation is the id's, and the entry goes into its scheduler's inbox (once: POSTED). When a
 * strand ends its carrier moves the generation on.
 *
 * An entry is bound to a control block and serves one strand after the other there, so that a spawn
 * on a pooled stack looks for none. Two ends part them: one whose result is KEPT, and one whose
 * entry is still POSTED; such an entry is given back when that is over. So does the end of its last
 * generation, since no id may come twice: after 4 billion strands, two minutes' work at worst, an
 * entry is used no more.
 *
 * A hosted strand's control block stands in its entry, which stays its scheduler's until the end of
 * that: one cache line is all that its spawn, its switches and its end touch.
 *
 *   native   word | scheduler | next, mate | number | strand | result      | bound
 *   hosted   word | scheduler | next, mate | id     | operation | flags    | ... | more
 *                 ^ struct strand begins here
 */
#ifndef STRAND_STRAND_TABLE_H
#define STRAND_STRAND_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "list.h"

enum strand_post {
    STRAND_POST_POSTED = 1,     /* in the inbox, or on the way into it */
    STRAND_POST_BEGIN = 2,      /* a spawn by another thread */
    STRAND_POST_WAKE = 4,
    STRAND_POST_CANCEL = 8,
    STRAND_POST_READY = 16,     /* hosted: its host can run it */
    STRAND_POST_LIVE = 32,      /* not a request: the generation has not ended */
    STRAND_POST_RETRY = 64,     /* let it ask its step again */
    STRAND_POST_ABANDON = 512,  /* hosted: its host could not start it */
    STRAND_POST_WATCHED = 128,  /* not a request: a strand of another scheduler joins it */
    STRAND_POST_KEPT = 256,     /* not a request: ended, the result waits for a join */
    STRAND_POST_WORN = 1024,    /* in no word: that was the entry's last generation */
};

/* One cache line: two strands' entries never share one that several threads write. Its memory is a
 * struct strand's too, and the compiler must know it. */
struct __attribute__((may_alias)) strand_slot {
    _Alignas(64) _Atomic uint64_t word;
    strand_scheduler *scheduler;           /* valid while LIVE or POSTED */
    _Atomic uint32_t next;                 /* number of the next in an inbox, or in a free list; 0 */
    uint32_t mate;                         /* hosted: of the next of its scheduler's, of itself at
                                              the end of those or before; 0: not hosted */
    strand_id id;                          /* of a hosted strand; its low half is the entry's number
                                              for ever */
    union {
        struct {
            struct strand *strand;         /* valid while LIVE */
            void *result;                  /* valid while KEPT */
            struct strand_link bound;      /* among its scheduler's; the holder's, 0 while none */
        };
        char hosted[32];                   /* the rest of the block */
    };
};

enum {
    STRAND_TABLE_CHUNK_SLOTS = 1 << 14,
    STRAND_TABLE_CHUNKS = 1 << 12,      /* 67 million strands at once */
};
#define STRAND_LAST_GENERATION (UINT32_MAX - 1)
extern struct strand_slot *_Atomic strand_table_chunks[STRAND_TABLE_CHUNKS];

/* A free list of one holder, refilled from and spilled to the process's. */
struct strand_slot_cache {
    struct strand_slot *first;
    unsigned count;
};

static inline uint32_t strand_id_slot(strand_id id) { return (uint32_t)id; }
static inline uint32_t strand_id_generation(strand_id id) { return (uint32_t)(id >> 32); }

/* The entry bound to `strand`, a native one, or a free one that is now, LIVE under a new generation,
 * which is strand->id. NULL: no memory. cache NULL: any thread. */
struct strand_slot *strand_table_take(struct strand_slot_cache *cache, strand_scheduler *scheduler,
                                      struct strand *strand);
/* To the free ones: an ended entry bound to no block any more; a WORN one to nobody. cache NULL:
 * any thread. */
void strand_table_give(struct strand_slot_cache *cache, struct strand_slot *slot);
strand_id strand_slot_id(const struct strand_slot *slot);

/* Any thread, also while the holder gives a hosted strand its id. */
static inline uint32_t strand_slot_number(const struct strand_slot *slot)
{
    return strand_id_slot(__atomic_load_n(&slot->id, __ATOMIC_RELAXED));
}

/* Its block: valid while LIVE, a hosted one as long as the entry is its scheduler's. */
static inline struct strand *strand_slot_strand(const struct strand_slot *slot)
{
    return slot->mate ? (struct strand *)((char *)slot + STRAND_HOSTED_PLACE) : slot->strand;
}

static inline void strand_slot_set_next(struct strand_slot *slot, const struct strand_slot *next)
{
    uint32_t number = next ? strand_slot_number(next) : 0;
    atomic_store_explicit(&slot->next, number, memory_order_relaxed);
}

/* A free entry with a hosted block in it, blank, which has no id yet; it goes back by
 * strand_table_give. NULL: no memory. cache NULL: any thread. */
struct strand *strand_table_take_hosted(struct strand_slot_cache *cache,
                                        strand_scheduler *scheduler);

static inline struct strand_slot *strand_table_slot(uint32_t number)
{
    if (number >= (uint64_t)STRAND_TABLE_CHUNK_SLOTS * STRAND_TABLE_CHUNKS)
        return NULL;
    struct strand_slot *chunk = atomic_load_explicit(
        &strand_table_chunks[number / STRAND_TABLE_CHUNK_SLOTS], memory_order_acquire);
    return chunk ? &chunk[number % STRAND_TABLE_CHUNK_SLOTS] : NULL;
}

/* In an inbox, or in a free list; NULL at its end. */
static inline struct strand_slot *strand_slot_next(const struct strand_slot *slot)
{
    uint32_t number = atomic_load_explicit(&slot->next, memory_order_relaxed);
    return number ? strand_table_slot(number) : NULL;
}

/* The next of a scheduler's hosted entries; NULL at their end. */
static inline struct strand_slot *strand_slot_mate(const struct strand_slot *slot)
{
    return slot->mate == strand_slot_number(slot) ? NULL : strand_table_slot(slot->mate);
}

/* The entry of a strand that has an id. */
static inline struct strand_slot *strand_slot_of(const struct strand *strand)
{
    if (strand->kind == STRAND_HOSTED)
        return (struct strand_slot *)((char *)strand - STRAND_HOSTED_PLACE);
    uint32_t number = strand_id_slot(strand->id);
    return &atomic_load_explicit(&strand_table_chunks[number / STRAND_TABLE_CHUNK_SLOTS],
                                 memory_order_relaxed)[number % STRAND_TABLE_CHUNK_SLOTS];
}

/* NULL for a slot never given out. Any thread. */
static inline struct strand_slot *strand_table_find(strand_id id)
{
    return strand_id_slot(id) ? strand_table_slot(strand_id_slot(id)) : NULL;
}

/* The next generation of an entry that is bound to `strand`, under strand->id. */
static inline void strand_slot_begin(struct strand_slot *slot, struct strand *strand)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed) >> 32 << 32;
    __atomic_store_n(&strand->id, word | strand_slot_number(slot), __ATOMIC_RELAXED);
    atomic_store_explicit(&slot->word, word | STRAND_POST_LIVE, memory_order_release);
}
/* Whether id has not ended. Any thread. */
bool strand_slot_is(const struct strand_slot *slot, strand_id id);
/* And is a strand of `scheduler`: then it stays so until its holder, the caller, ends it. */
bool strand_slot_is_of(const struct strand_slot *slot, strand_id id,
                       const strand_scheduler *scheduler);

/*
 * Sets `bits` if id lives: 1 when the caller must now put the entry into the inbox of
 * *scheduler, 0 when it is on its way already, -ESRCH after the end. Any thread.
 */
int strand_slot_post(struct strand_slot *slot, strand_id id, unsigned bits,
                     strand_scheduler **scheduler);
/* Takes what was posted; clears POSTED. LIVE is not among the result when the strand has ended; the
 * entry is then no longer the inbox's. The holder, for an entry out of its inbox. */
unsigned strand_slot_take_posts(struct strand_slot_cache *cache, struct strand_slot *slot);
/* Marks id WATCHED; false when it has ended. Any thread. */
bool strand_slot_watch(struct strand_slot *slot, strand_id id);
/* Whether id was ever given out. */
bool strand_slot_knew(const struct strand_slot *slot, strand_id id);

/*
 * The end of the generation; in the second form its result is KEPT for the first
 * strand_slot_take_result. Returns the bits it had. An entry that is then KEPT or POSTED must be
 * bound no more: it goes back to the free ones in take_result, which may be any thread's and at
 * once, or in strand_slot_take_posts (which then returns 0 bits with no LIVE). Nor may one that is
 * WORN. A hosted block is never KEPT, and rests in its entry meanwhile: strand_slot_rests.
 */
static inline unsigned strand_slot_end(struct strand_slot *slot);
unsigned strand_slot_end_keeping(struct strand_slot *slot, void *result);

/* The same, quicker, of a strand whose id nobody knows and of which nothing is posted: no thread
 * but the holder's looks at the entry then. False, and nothing done, where more is to be done. */
static inline bool strand_slot_end_unknown(struct strand_slot *slot)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    if ((uint32_t)word != STRAND_POST_LIVE || word >> 32 == STRAND_LAST_GENERATION)
        return false;
    word += ((uint64_t)1 << 32) - STRAND_POST_LIVE;
    atomic_store_explicit(&slot->word, word, memory_order_release);
    return true;
}

/* Whether an ended hosted strand's entry is still POSTED, or WORN. The holder. */
static inline bool strand_slot_rests(const struct strand_slot *slot)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    return (word & STRAND_POST_POSTED) || word >> 32 > STRAND_LAST_GENERATION;
}

/* For what strand_slot_end has left of other threads' bits. */
unsigned strand_slot_clear(struct strand_slot *slot, uint64_t before);

/* One addition moves the generation on and ends LIVE. */
static inline unsigned strand_slot_end(struct strand_slot *slot)
{
    uint64_t before = atomic_fetch_add(&slot->word, ((uint64_t)1 << 32) - STRAND_POST_LIVE);
    CHECK(before & STRAND_POST_LIVE);
    bool last = before >> 32 == STRAND_LAST_GENERATION;
    if (__builtin_expect((uint32_t)before != STRAND_POST_LIVE || last, 0))
        return strand_slot_clear(slot, before);
    return STRAND_POST_LIVE;
}

/* The kept result of an ended id; false when there is none (any more). Any thread. */
bool strand_slot_take_result(struct strand_slot_cache *cache, struct strand_slot *slot,
                             strand_id id, void **result);
/* As the library leaves the process and nobody calls it any more: the memory of a table in which no
 * entry is in use. */
void strand_table_unload(void);
/* Lets every kept result of a scheduler go. */
void strand_table_forget_results(const strand_scheduler *scheduler);
/* Everything in the cache, to the process. */
void strand_slot_cache_spill(struct strand_slot_cache *cache);

#endif
