/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../../README. */
#ifndef STRAND_TESTS_DARWIN_SYS_TTYCOM_H
#define STRAND_TESTS_DARWIN_SYS_TTYCOM_H

#define TIOCPTYGNAME 0x40807453ul   /* tty(4): the name of a pty master's slave, 128 bytes */

#endif
