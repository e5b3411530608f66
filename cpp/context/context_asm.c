/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <stdint.h>

#include "asm.h"
#include "check.h"

_Static_assert(offsetof(struct strand_context, sp) == CONTEXT_SP, "asm.h: CONTEXT_SP");
_Static_assert(FRAME_BELOW_SP == STRAND_CONTEXT_BELOW_SP, "strand_context_sp");

const char strand_context_name[] = "asm";

/* In asm/. */
void strand_context_first(void);
void strand_context_entry_returned(void);

__attribute__((noreturn)) void strand_context_entry_returned(void)
{
    strand_check_failed(__FILE__, __LINE__, "a context's entry never returns");
}

void strand_context_prepare(struct strand_context *context, void *low, size_t size_bytes,
                            strand_context_entry entry)
{
    CHECK(size_bytes >= 2048);
    uintptr_t top = ((uintptr_t)low + size_bytes) & ~(uintptr_t)15;
    context->sp = strand_context_frame_make((void *)top, low, strand_context_first, entry);
}
