/* A request's text of any bytes, scored; and as an answer that may name a label. */
#include "text/classify.h"
#include "text/label.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = { "simple", "medium", "complex", "very complex", "not simple", "\xE5\x9B\xB0\xE9\x9A\xBE" };
    enum { LABELS = sizeof labels / sizeof labels[0] };
    char line[LLMC_SCORE_TEXT_BYTES];
    llmc_score score;
    int sum = 0;
    llmc_classify((const char *)data, size, &score);
    for (int i = 0; i < LLMC_HINTS; i++) {
        if (score.points[i] > 4 || (score.points[i] < 0 && i != LLMC_HINT_EASY))
            abort();
        sum += score.points[i];
    }
    if (score.total != (sum > 0 ? sum : 0) || strlen(llmc_score_text(&score, line)) >= sizeof line)
        abort();
    int label = llmc_label_in((const char *)data, size, labels, LABELS);
    if (label != LLMC_LABEL_NONE && (label < 0 || label >= LABELS))
        abort();
    return 0;
}
