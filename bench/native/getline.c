/* SPDX-License-Identifier: Apache-2.0 */
/* The plainest echo of lines there is in C: getline and fwrite. */
#include <gnu/libc-version.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    if (count == 2 && !strcmp(arguments[1], "version")) {
        printf("glibc %s\n", gnu_get_libc_version());
        return 0;
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, stdin)) > 0)
        fwrite(line, 1, (size_t)length, stdout);
    free(line);
    return fflush(stdout) == 0 && !ferror(stdin) ? 0 : 1;
}
