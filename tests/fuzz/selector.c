/* SPDX-License-Identifier: MIT */
/* selector.c - fuzz target: which jobs a command is about, a word a line, and the message it becomes. */
#include "client/selector.h"

#include <argp.h>
#include <assert.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "proto/decode.h"
#include "tests/fuzz/arguments.h"
#include "tests/fuzz/fuzz.h"

/* What is wrong ends gorctl: here it ends the input. These take the place of libc's. */
static jmp_buf refused;

void argp_failure(const struct argp_state *state, int status, int errnum, const char *format, ...)
{
    (void)state;
    (void)status;
    (void)errnum;
    (void)format;
    longjmp(refused, 1);
}

void argp_error(const struct argp_state *state, const char *format, ...)
{
    (void)state;
    (void)format;
    longjmp(refused, 1);
}

/* "--name=value", "-nvalue". *out_value is what follows; NULL: no option of ours. */
static const struct argp_option *find_option(char *word, char **out_value)
{
    for (const struct argp_option *option = gorctl_selector_argp.options; option->name != NULL;
         option++) {
        size_t length = strlen(option->name);
        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, option->name, length) == 0 &&
            word[2 + length] == '=') {
            *out_value = word + 3 + length;
            return option;
        }
        if (word[0] == '-' && word[1] == option->key) {
            *out_value = word + 2;
            return option;
        }
    }
    return NULL;
}

static void take_word(struct argp_state *state, char *word)
{
    char *value = word;
    const struct argp_option *option = find_option(word, &value);
    int key = option != NULL ? option->key : ARGP_KEY_ARG;
    (void)gorctl_selector_argp.parser(key, value, state);
    state->arg_num += option == NULL;
}

/* What is asked of the daemon must be such that it can be read. */
static void check_message(const struct gorctl_selector *selector)
{
    ProtobufCMessage *read;
    const char *why;
    Gor__V1__Selector *message = gorctl_selector_message(selector);
    size_t size = protobuf_c_message_get_packed_size(&message->base);
    uint8_t *packed = malloc(size + 1);
    assert(packed != NULL);
    size_t made = protobuf_c_message_pack(&message->base, packed);
    assert(made == size);
    enum wire_status status =
        wire_decode(&gor__v1__selector__descriptor, packed, made, &read, &why);
    assert(status == WIRE_OK);
    wire_decoded_free(read);
    free(packed);
    gor__v1__selector__free_unpacked(message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_arguments words; /* not on the stack that is jumped over */
    static struct gorctl_selector selector;
    struct argp_state state = {.input = &selector};
    memset(&selector, 0, sizeof selector);
    fuzz_arguments_init(&words, data, size);
    if (setjmp(refused) == 0) {
        for (int i = 1; i < words.argc; i++) {
            take_word(&state, words.argv[i]);
        }
        check_message(&selector);
    }
    gorctl_selector_fini(&selector);
    fuzz_arguments_fini(&words);
    return 0;
}
