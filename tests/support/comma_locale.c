#include "comma_locale.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64]; /* "": nothing was made */

static bool set_one(void)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_ALL, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0)
            return true;
    }
    return false;
}

/* From a description of nothing but its comma. The compiler comes with the C library. NULL: it is set. */
static const char *make_one(void)
{
    char path[100], command[300];
    snprintf(folder, sizeof folder, "/tmp/comma-locale-XXXXXX");
    if (!mkdtemp(folder)) {
        folder[0] = '\0';
        return "there is no temporary folder";
    }
    snprintf(path, sizeof path, "%s/source", folder);
    FILE *source = fopen(path, "w");
    if (!source)
        return "its source could not be written";
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\nEND LC_NUMERIC\n", source);
    fclose(source);
    snprintf(command, sizeof command, "localedef -c -i %s %s/comma >/dev/null 2>&1", path, folder);
    int ended = system(command);
    setenv("LOCPATH", folder, 1);
    if (setlocale(LC_NUMERIC, "comma") && strcmp(localeconv()->decimal_point, ",") == 0)
        return NULL;
    return ended == 127 << 8 ? "localedef is not there to make one" : "localedef could not make one";
}

void comma_locale_begin(void)
{
    const char *why = set_one() ? NULL : make_one();
    if (!why)
        return;
    comma_locale_end();
    print_message("no locale with a decimal comma is installed, and %s\n", why);
    skip();
}

void comma_locale_end(void)
{
    char command[100];
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    if (!folder[0])
        return;
    snprintf(command, sizeof command, "/bin/rm -rf %s", folder);
    if (system(command) != 0)
        print_message("%s was left behind\n", folder);
    folder[0] = '\0';
}
