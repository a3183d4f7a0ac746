/* SPDX-License-Identifier: MIT */
/* driver.c - runs a fuzz target without libFuzzer: its corpus, then inputs made from that at random.
 *
 *     fuzz_TARGET CORPUS [SECONDS]
 *
 * A corpus is text: one input a line in hexadecimal, and behind '=' as it is, with \\n and \\\\ for a new
 * line and a backslash; '#' begins a comment. An input that crashes is printed in hexadecimal, to be added
 * there. Seeded by $GOR_TEST_SEED.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_INPUTS = 256, MAX_BYTES = 16384, MAX_CHANGES = 8 };

struct input {
    uint8_t bytes[MAX_BYTES];
    size_t size;
};

static struct input inputs[MAX_INPUTS];
static size_t input_count;
static struct input current;
static uint64_t state;

/* The sanitizers' hook, where there is one. */
/* NOLINTNEXTLINE(readability-identifier-naming): the sanitizers call it so. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void print_current(void)
{
    (void)fputs("fuzz: this input:\n", stderr);
    for (size_t i = 0; i < current.size; i++) {
        (void)fprintf(stderr, "%02x", current.bytes[i]);
    }
    (void)fputc('\n', stderr);
}

static uint32_t next_random(uint32_t below)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return below > 0 ? (uint32_t)(state >> 33) % below : 0;
}

static void put_byte(struct input *input, unsigned byte)
{
    if (input->size < MAX_BYTES) {
        input->bytes[input->size++] = (uint8_t)byte;
    }
}

/* Up to the line's end. */
static void put_text(struct input *input, const char *text)
{
    for (; *text != '\0' && *text != '\n'; text++) {
        if (text[0] == '\\' && (text[1] == 'n' || text[1] == '\\')) {
            text++;
            put_byte(input, *text == 'n' ? '\n' : '\\');
        } else {
            put_byte(input, (unsigned char)*text);
        }
    }
}

static void add_line(const char *line)
{
    struct input *input = &inputs[input_count];
    unsigned byte;
    input->size = 0;
    while (isxdigit((unsigned char)line[0]) && isxdigit((unsigned char)line[1]) &&
           input->size < MAX_BYTES) {
        (void)sscanf(line, "%2x", &byte);
        put_byte(input, byte);
        line += 2;
    }
    if (line[0] == '=') {
        put_text(input, line + 1);
    }
    if (input->size > 0 && input_count + 1 < MAX_INPUTS) {
        input_count++;
    }
}

static void read_corpus(const char *path)
{
    static char line[2 * MAX_BYTES + 2];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        add_line(line);
    }
    (void)fclose(file);
    if (input_count == 0) {
        (void)fprintf(stderr, "%s: there is no input in it\n", path);
        exit(1);
    }
}

static void insert(size_t at, const uint8_t *bytes, size_t size)
{
    if (current.size + size > MAX_BYTES) {
        return;
    }
    memmove(current.bytes + at + size, current.bytes + at, current.size - at);
    memcpy(current.bytes + at, bytes, size);
    current.size += size;
}

static void erase(size_t at, size_t size)
{
    if (size > current.size - at) {
        size = current.size - at;
    }
    memmove(current.bytes + at, current.bytes + at + size, current.size - at - size);
    current.size -= size;
}

/* One change: a bit, a byte, an interesting byte, a piece of another input, a piece less. */
static void change(void)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x20};
    size_t at = current.size > 0 ? next_random((uint32_t)current.size) : 0;
    const struct input *other = &inputs[next_random((uint32_t)input_count)];
    size_t from = next_random((uint32_t)other->size);
    size_t size = 1 + next_random(64);
    switch (current.size > 0 ? next_random(5) : 3) {
    case 0:
        current.bytes[at] ^= (uint8_t)(1U << next_random(8));
        break;
    case 1:
        current.bytes[at] = (uint8_t)next_random(256);
        break;
    case 2:
        current.bytes[at] = edges[next_random(sizeof edges)];
        break;
    case 3:
        insert(at, other->bytes + from, size < other->size - from ? size : other->size - from);
        break;
    default:
        erase(at, size);
        break;
    }
}

static void run_changed(void)
{
    current = inputs[next_random((uint32_t)input_count)];
    for (uint32_t left = 1 + next_random(MAX_CHANGES); left > 0; left--) {
        change();
    }
    (void)LLVMFuzzerTestOneInput(current.bytes, current.size);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("GOR_TEST_SEED");
    int seconds = argc > 2 ? atoi(argv[2]) : getenv("GOR_LONG") != NULL ? 60 : 1;
    unsigned long runs = 0;
    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s CORPUS [SECONDS]\n", argv[0]);
        return 2;
    }
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(print_current);
    }
    state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("GOR_TEST_SEED=%llu\n", (unsigned long long)state);
    read_corpus(argv[1]);
    for (size_t i = 0; i < input_count; i++) {
        current = inputs[i];
        (void)LLVMFuzzerTestOneInput(current.bytes, current.size);
    }
    for (int64_t end = now_ms() + seconds * 1000; now_ms() < end; runs++) {
        run_changed();
    }
    printf("%zu inputs, %lu made from them\n", input_count, runs);
    return 0;
}
