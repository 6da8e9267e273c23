/* See record.h. A slot is overwritten at any time, so a reader gets a copy, which stays until the server stops. */
#include "mock/record.h"

#include "mock/http_request.h"

#include <string.h>

enum { MAX_BODY = 1 << 20 };

struct llmc_mock_copy {
    llmc_mock_copy *next;
    char text[];
};

bool llmc_mock_records_open(llmc_mock_records *records, const llmc_allocator *allocator, size_t count)
{
    *records = (llmc_mock_records){ .allocator = allocator, .count = count };
    pthread_mutex_init(&records->lock, NULL);
    if (count && !(records->ring = llmc_calloc(allocator, count, sizeof *records->ring))) {
        pthread_mutex_destroy(&records->lock);
        records->allocator = NULL; /* closed */
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        llmc_buffer_init(&records->ring[i].head, allocator, LLMC_HTTP_MAX_HEAD + 1);
        llmc_buffer_init(&records->ring[i].body, allocator, MAX_BODY + 1);
    }
    return true;
}

void llmc_mock_records_close(llmc_mock_records *records)
{
    if (!records->allocator)
        return;
    for (size_t i = 0; i < records->count; i++) {
        llmc_buffer_free(&records->ring[i].head);
        llmc_buffer_free(&records->ring[i].body);
    }
    llmc_free(records->allocator, records->ring);
    while (records->copies) {
        llmc_mock_copy *copy = records->copies;
        records->copies = copy->next;
        llmc_free(records->allocator, copy);
    }
    pthread_mutex_destroy(&records->lock);
}

void llmc_mock_records_add(llmc_mock_records *records, uint64_t number, const char *head, size_t head_bytes, const char *body, size_t body_bytes)
{
    if (!records->count)
        return;
    pthread_mutex_lock(&records->lock);
    llmc_mock_record *record = &records->ring[number % records->count];
    llmc_buffer_clear(&record->head);
    llmc_buffer_clear(&record->body);
    llmc_buffer_add(&record->head, head, head_bytes);
    llmc_buffer_add(&record->body, body, body_bytes < MAX_BODY ? body_bytes : MAX_BODY);
    record->number = record->head.failure || record->body.failure ? 0 : number;
    pthread_mutex_unlock(&records->lock);
}

/* Under the lock. */
static const char *hand_out(llmc_mock_records *records, const char *text, size_t bytes)
{
    llmc_mock_copy *copy = llmc_alloc(records->allocator, sizeof *copy + bytes + 1);
    if (!copy)
        return NULL;
    if (bytes)
        memcpy(copy->text, text, bytes);
    copy->text[bytes] = '\0';
    copy->next = records->copies;
    records->copies = copy;
    return copy->text;
}

static llmc_mock_record *find(llmc_mock_records *records, uint64_t number)
{
    if (!records->count || !number)
        return NULL;
    llmc_mock_record *record = &records->ring[number % records->count];
    return record->number == number ? record : NULL;
}

const char *llmc_mock_records_body(llmc_mock_records *records, uint64_t number, size_t *bytes)
{
    pthread_mutex_lock(&records->lock);
    llmc_mock_record *record = find(records, number);
    const char *text = record ? hand_out(records, record->body.data, record->body.length) : NULL;
    if (bytes)
        *bytes = text ? record->body.length : 0;
    pthread_mutex_unlock(&records->lock);
    return text;
}

static bool find_value(const llmc_mock_record *record, const char *name, const char **value, size_t *bytes)
{
    const char *head = record->head.data;
    if (name[0] != ':')
        return llmc_http_header(head, record->head.length, name, value, bytes);
    const char *space = memchr(head, ' ', record->head.length), *from = head, *end = space;
    if (strcmp(name, ":path") == 0 && space) {
        from = space + 1;
        end = memchr(from, ' ', record->head.length - (size_t)(from - head));
    } else if (strcmp(name, ":method") != 0) {
        return false;
    }
    *value = from;
    *bytes = end ? (size_t)(end - from) : 0;
    return end != NULL;
}

const char *llmc_mock_records_header(llmc_mock_records *records, uint64_t number, const char *name)
{
    const char *value, *text = NULL;
    size_t bytes;
    pthread_mutex_lock(&records->lock);
    llmc_mock_record *record = find(records, number);
    if (record && find_value(record, name, &value, &bytes))
        text = hand_out(records, value, bytes);
    pthread_mutex_unlock(&records->lock);
    return text;
}
