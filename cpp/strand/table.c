/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum {
    CACHE_REFILL = 64,
    CACHE_MOST = 256,
    POSTS = STRAND_POST_BEGIN | STRAND_POST_WAKE | STRAND_POST_CANCEL | STRAND_POST_READY |
            STRAND_POST_RETRY | STRAND_POST_ABANDON,
};

#define HOSTED_AT(field) (offsetof(struct strand, field) + STRAND_HOSTED_PLACE)
_Static_assert(sizeof(struct strand_slot) == 64, "an entry is one cache line");
_Static_assert(HOSTED_AT(scheduler) == offsetof(struct strand_slot, scheduler) &&
                   HOSTED_AT(argument) == offsetof(struct strand_slot, next) &&
                   HOSTED_AT(id) == offsetof(struct strand_slot, id) &&
                   HOSTED_AT(operation) == offsetof(struct strand_slot, hosted) &&
                   STRAND_HOSTED_PLACE + STRAND_HOSTED_BYTES <= sizeof(struct strand_slot),
               "a hosted strand's block stands in its entry");
_Static_assert(_Alignof(struct strand) <= STRAND_HOSTED_PLACE, "... where it may");

struct strand_slot *_Atomic strand_table_chunks[STRAND_TABLE_CHUNKS];

/* What no cache holds; under `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct strand_slot *free_slots;
static uint32_t slots_made = 1;     /* number 0 is never given out */

static inline uint32_t generation_of(uint64_t word) { return (uint32_t)(word >> 32); }
static inline uint64_t word_of(uint32_t generation, unsigned bits)
{
    return (uint64_t)generation << 32 | bits;
}

static struct strand_slot *make_slot(void)
{
    uint32_t number = slots_made;
    if (number >= (uint64_t)STRAND_TABLE_CHUNK_SLOTS * STRAND_TABLE_CHUNKS)
        return NULL;
    if (!strand_table_slot(number)) {
        struct strand_slot *chunk =
            aligned_alloc(sizeof *chunk, STRAND_TABLE_CHUNK_SLOTS * sizeof *chunk);
        if (!chunk)
            return NULL;
        uint32_t first = number - number % STRAND_TABLE_CHUNK_SLOTS;
        for (uint32_t i = 0; i < STRAND_TABLE_CHUNK_SLOTS; i++) {
            chunk[i] = (struct strand_slot){.id = first + i};
            atomic_init(&chunk[i].word, word_of(1, 0));
        }
        atomic_store_explicit(&strand_table_chunks[number / STRAND_TABLE_CHUNK_SLOTS], chunk,
                              memory_order_release);
    }
    slots_made++;
    return strand_table_slot(number);
}

/* Under the lock. */
static struct strand_slot *take_free(void)
{
    struct strand_slot *slot = free_slots;
    if (!slot)
        return make_slot();
    free_slots = strand_slot_next(slot);
    return slot;
}

static struct strand_slot *take_any(struct strand_slot_cache *cache)
{
    struct strand_slot *slot;
    if (cache && cache->first) {
        slot = cache->first;
        cache->first = strand_slot_next(slot);
        cache->count--;
        return slot;
    }
    pthread_mutex_lock(&lock);
    slot = take_free();
    while (cache && cache->count < CACHE_REFILL) {
        struct strand_slot *more = take_free();
        if (!more)
            break;
        strand_slot_set_next(more, cache->first);
        cache->first = more;
        cache->count++;
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

static void spill(struct strand_slot_cache *cache, unsigned keep)
{
    pthread_mutex_lock(&lock);
    while (cache->count > keep) {
        struct strand_slot *slot = cache->first;
        cache->first = strand_slot_next(slot);
        cache->count--;
        strand_slot_set_next(slot, free_slots);
        free_slots = slot;
    }
    pthread_mutex_unlock(&lock);
}

void strand_table_give(struct strand_slot_cache *cache, struct strand_slot *slot)
{
    if (generation_of(atomic_load_explicit(&slot->word, memory_order_relaxed)) >
        STRAND_LAST_GENERATION)
        return;
    struct strand_slot_cache of_its_own = {0};
    struct strand_slot_cache *into = cache ? cache : &of_its_own;
    strand_slot_set_next(slot, into->first);
    into->first = slot;
    into->count++;
    if (!cache)
        spill(into, 0);
    else if (cache->count > CACHE_MOST)
        spill(cache, CACHE_MOST / 2);
}

void strand_slot_cache_spill(struct strand_slot_cache *cache)
{
    spill(cache, 0);
}

static struct strand_slot *bind(struct strand_slot_cache *cache, strand_scheduler *scheduler,
                                struct strand *strand)
{
    struct strand_slot *slot = take_any(cache);
    if (!slot)
        return NULL;
    __atomic_store_n(&slot->scheduler, scheduler, __ATOMIC_RELEASE);
    slot->mate = 0;
    slot->strand = strand;
    slot->bound = (struct strand_link){0};
    return slot;
}

struct strand *strand_table_take_hosted(struct strand_slot_cache *cache,
                                        strand_scheduler *scheduler)
{
    struct strand_slot *slot = take_any(cache);
    if (!slot)
        return NULL;
    __atomic_store_n(&slot->scheduler, scheduler, __ATOMIC_RELEASE);
    slot->mate = strand_slot_number(slot);
    memset(slot->hosted, 0, sizeof slot->hosted);
    struct strand *strand = strand_slot_strand(slot);
    strand->kind = STRAND_HOSTED;
    return strand;
}

struct strand_slot *strand_table_take(struct strand_slot_cache *cache, strand_scheduler *scheduler,
                                      struct strand *strand)
{
    struct strand_slot *slot =
        strand->id ? strand_slot_of(strand) : bind(cache, scheduler, strand);
    if (slot)
        strand_slot_begin(slot, strand);
    return slot;
}

strand_id strand_slot_id(const struct strand_slot *slot)
{
    return word_of(generation_of(atomic_load(&slot->word)), strand_slot_number(slot));
}

static bool lives(uint64_t word, strand_id id)
{
    return generation_of(word) == strand_id_generation(id) && (word & STRAND_POST_LIVE);
}

bool strand_slot_is(const struct strand_slot *slot, strand_id id)
{
    return lives(atomic_load_explicit(&slot->word, memory_order_acquire), id);
}

/* In this order: an entry that another scheduler gives back and this one takes meanwhile is of a
 * new generation. */
bool strand_slot_is_of(const struct strand_slot *slot, strand_id id,
                       const strand_scheduler *scheduler)
{
    return __atomic_load_n(&slot->scheduler, __ATOMIC_ACQUIRE) == scheduler &&
           strand_slot_is(slot, id);
}

bool strand_slot_knew(const struct strand_slot *slot, strand_id id)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    return strand_id_generation(id) != 0 &&
           (lives(word, id) || strand_id_generation(id) < generation_of(word));
}

/* Adds bits while id lives; the word before in *before. */
static bool add_bits(struct strand_slot *slot, strand_id id, unsigned bits, uint64_t *before)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    do {
        if (!lives(word, id))
            return false;
    } while (!atomic_compare_exchange_weak(&slot->word, &word, word | bits));
    *before = word;
    return true;
}

int strand_slot_post(struct strand_slot *slot, strand_id id, unsigned bits,
                     strand_scheduler **scheduler)
{
    uint64_t before;
    if (!add_bits(slot, id, bits | STRAND_POST_POSTED, &before))
        return -ESRCH;
    if (before & STRAND_POST_POSTED)
        return 0;
    *scheduler = __atomic_load_n(&slot->scheduler, __ATOMIC_RELAXED);
    return 1;
}

bool strand_slot_watch(struct strand_slot *slot, strand_id id)
{
    uint64_t before;
    return add_bits(slot, id, STRAND_POST_WATCHED, &before);
}

unsigned strand_slot_take_posts(struct strand_slot_cache *cache, struct strand_slot *slot)
{
    bool hosted = slot->mate;      /* asked first: a given entry may be anybody's */
    uint64_t before = atomic_fetch_and(&slot->word, ~(uint64_t)(POSTS | STRAND_POST_POSTED));
    CHECK(before & STRAND_POST_POSTED);
    if (!(before & (STRAND_POST_LIVE | STRAND_POST_KEPT)) && !hosted)
        strand_table_give(cache, slot);
    return (unsigned)before & (POSTS | STRAND_POST_LIVE);
}

static uint64_t word_after(uint64_t word)
{
    return word_of(generation_of(word) + 1, (unsigned)word & STRAND_POST_POSTED);
}

static unsigned bits_at_end(uint64_t word)
{
    return (unsigned)word |
           (generation_of(word) == STRAND_LAST_GENERATION ? (unsigned)STRAND_POST_WORN : 0);
}

unsigned strand_slot_end_keeping(struct strand_slot *slot, void *result)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    CHECK((word & STRAND_POST_LIVE) && !slot->mate);
    slot->result = result;
    while (!atomic_compare_exchange_weak(&slot->word, &word,
                                         word_after(word) | STRAND_POST_KEPT))
        continue;
    return bits_at_end(word);
}

/* Nobody else changes it any more: it lives no more, and only the holder ends what was POSTED. */
unsigned strand_slot_clear(struct strand_slot *slot, uint64_t before)
{
    atomic_store_explicit(&slot->word, word_after(before), memory_order_release);
    return bits_at_end(before);
}

bool strand_slot_take_result(struct strand_slot_cache *cache, struct strand_slot *slot,
                             strand_id id, void **result)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    void *kept;
    do {
        if (generation_of(word) != strand_id_generation(id) + 1 || !(word & STRAND_POST_KEPT))
            return false;
        kept = slot->result;
    } while (!atomic_compare_exchange_weak(&slot->word, &word,
                                           word & ~(uint64_t)STRAND_POST_KEPT));
    if (!(word & STRAND_POST_POSTED))
        strand_table_give(cache, slot);
    *result = kept;
    return true;
}

void strand_table_forget_results(const strand_scheduler *scheduler)
{
    for (uint32_t number = 1; strand_table_slot(number); number++) {
        struct strand_slot *slot = strand_table_slot(number);
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
        void *result;
        if ((word & STRAND_POST_KEPT) &&
            __atomic_load_n(&slot->scheduler, __ATOMIC_RELAXED) == scheduler)
            strand_slot_take_result(NULL, slot, word_of(generation_of(word) - 1, number), &result);
    }
}

void strand_table_unload(void)
{
    uint32_t unused = 0;
    for (struct strand_slot *slot = free_slots; slot; slot = strand_slot_next(slot))
        unused++;
    if (unused != slots_made - 1)
        return;
    for (int i = 0; i < STRAND_TABLE_CHUNKS; i++)
        free(atomic_exchange(&strand_table_chunks[i], NULL));
    free_slots = NULL;
    slots_made = 1;
}
