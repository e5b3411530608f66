/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations for a syntax check against Darwin; not Apple's header. See ../README. */
#ifndef STRAND_TESTS_DARWIN_STRING_H
#define STRAND_TESTS_DARWIN_STRING_H

#include <stddef.h>

void *memchr(const void *memory, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *memory, int byte, size_t size);
char *strcat(char *to, const char *from);
char *strchr(const char *text, int byte);
int strcmp(const char *one, const char *other);
char *strdup(const char *text);
char *strerror(int error);
int strerror_r(int error, char *text, size_t size);
size_t strlen(const char *text);
char *strncat(char *to, const char *from, size_t size);
int strncmp(const char *one, const char *other, size_t size);
char *strncpy(char *to, const char *from, size_t size);
size_t strnlen(const char *text, size_t size);
char *strrchr(const char *text, int byte);
char *strstr(const char *text, const char *wanted);

#endif
