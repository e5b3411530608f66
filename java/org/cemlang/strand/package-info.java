// SPDX-License-Identifier: Apache-2.0
/**
 * Strands: code that blocks as plain code does, thousands of it on one thread.
 *
 * <p>{@link org.cemlang.strand.Strands} is where to begin. The core that decides who runs next, what
 * is ready, and when a wait is over is C; this package hands its strands a Java body.
 */
@NullMarked
package org.cemlang.strand;

import org.jspecify.annotations.NullMarked;
