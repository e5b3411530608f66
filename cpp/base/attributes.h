/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiler must not do to a function. */
#ifndef STRAND_BASE_ATTRIBUTES_H
#define STRAND_BASE_ATTRIBUTES_H

/* Called as it is written: not inlined, not cloned, nothing assumed from looking into it. */
#if defined(__has_attribute) && __has_attribute(noipa)
#define STRAND_OPAQUE __attribute__((noinline, noipa))
#else
#define STRAND_OPAQUE __attribute__((noinline))
#endif

#endif
