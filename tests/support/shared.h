/* Where the test and reference material beside the checkout is. */
#ifndef TESTS_SHARED_H
#define TESTS_SHARED_H

#include <stddef.h>

/* LLMCOST_SHARED, else ../shared, else "": not there, and the test skips by name. */
const char *shared_folder(void);
/* A whole file, ended by a zero byte; NULL where there is none. free(). */
char *read_file(const char *path, size_t *bytes);

#endif
