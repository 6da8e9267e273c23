/* A binary heap of connections by their instant. Each knows its place, so that one that leaves early is found at once. */
#include "mock/server.h"

static struct llmc_mock_due *due_at(llmc_mock_heap *heap, size_t place)
{
    return llmc_mock_connection_due(heap->items[place - 1]);
}

static void put(llmc_mock_heap *heap, size_t place, llmc_mock_connection *connection)
{
    heap->items[place - 1] = connection;
    llmc_mock_connection_due(connection)->place = place;
}

static void rise(llmc_mock_heap *heap, size_t place)
{
    llmc_mock_connection *moving = heap->items[place - 1];
    int64_t at_ns = llmc_mock_connection_due(moving)->at_ns;
    for (; place > 1 && due_at(heap, place / 2)->at_ns > at_ns; place /= 2)
        put(heap, place, heap->items[place / 2 - 1]);
    put(heap, place, moving);
}

static void sink(llmc_mock_heap *heap, size_t place)
{
    llmc_mock_connection *moving = heap->items[place - 1];
    int64_t at_ns = llmc_mock_connection_due(moving)->at_ns;
    for (size_t child = place * 2; child <= heap->count; child = place * 2) {
        if (child < heap->count && due_at(heap, child + 1)->at_ns < due_at(heap, child)->at_ns)
            child++;
        if (due_at(heap, child)->at_ns >= at_ns)
            break;
        put(heap, place, heap->items[child - 1]);
        place = child;
    }
    put(heap, place, moving);
}

void llmc_mock_heap_add(llmc_mock_heap *heap, llmc_mock_connection *connection)
{
    heap->items[heap->count++] = connection;
    rise(heap, heap->count);
}

void llmc_mock_heap_remove(llmc_mock_heap *heap, llmc_mock_connection *connection)
{
    struct llmc_mock_due *due = llmc_mock_connection_due(connection);
    size_t place = due->place;
    if (!place)
        return;
    due->place = 0;
    llmc_mock_connection *last = heap->items[--heap->count];
    if (last == connection)
        return;
    put(heap, place, last);
    rise(heap, place);
    sink(heap, llmc_mock_connection_due(last)->place);
}
