/* A locale with a decimal comma, for tests of what must not ask the locale. */
#ifndef TESTS_COMMA_LOCALE_H
#define TESTS_COMMA_LOCALE_H

/* Sets one for this process: an installed one, else one that is made for the occasion. Skips the test, with the reason, where neither can be. */
void comma_locale_begin(void);
void comma_locale_end(void);

#endif
