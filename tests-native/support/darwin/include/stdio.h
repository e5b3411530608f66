/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_STDIO_H
#define STRAND_TESTS_DARWIN_STDIO_H

#include <stdarg.h>
#include <sys/types.h>

typedef struct __sFILE FILE;
extern FILE *__stdinp, *__stdoutp, *__stderrp;
#define stdin __stdinp
#define stdout __stdoutp
#define stderr __stderrp
#define EOF (-1)

__attribute__((format(printf, 1, 2))) int printf(const char *format, ...);
__attribute__((format(printf, 2, 3))) int fprintf(FILE *file, const char *format, ...);
__attribute__((format(printf, 3, 4))) int snprintf(char *text, size_t size, const char *format, ...);
__attribute__((format(printf, 3, 0))) int vsnprintf(char *text, size_t size, const char *format,
                                                    va_list arguments);
__attribute__((format(scanf, 2, 3))) int sscanf(const char *text, const char *format, ...);
FILE *fopen(const char *path, const char *mode)
    __attribute__((diagnose_if(__builtin_strchr(mode, 'e'), "not a mode of Darwin's fopen", "error")));
int fclose(FILE *file);
int fflush(FILE *file);
int fputs(const char *text, FILE *file);
int puts(const char *text);
int putchar(int byte);
void perror(const char *text);

#endif
