/* SPDX-License-Identifier: MIT */
/* config.c - fuzz target: gord's command line, a word a line; and the same as a configuration file. */
#include "daemon/base/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/conffile.h"
#include "tests/fuzz/arguments.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct gord_config *config)
{
    assert(config->state_dir[0] == '/' && config->socket[0] == '/');
    assert(config->exec_slots > 0 && config->native_slots > 0 && config->lua_slots > 0);
    assert(config->grace_ns >= 0 && config->log_cap_bytes > 0);
    assert(config->keep_age_ns >= 0 && config->keep_failed_ns >= 0);
    assert(config->clients.keepalive_ns >= 0 && config->clients.max_age_ns >= 0);
    assert(!config->repair || config->check_store);
    (void)config;
}

static void drop(void *arg, const char *text)
{
    (void)arg;
    assert(text[0] != '\0');
    (void)text;
}

static void take_key(void *arg, const char *key, const char *value, unsigned line)
{
    enum gord_option_id id = gord_option_find(key);
    char why[GORD_OPTION_WHY] = "";
    assert(line > 0);
    (void)line;
    if (id < GORD_OPTION_COUNT) {
        int result = gord_option_set(gord_option_row(id), arg, value, NULL, why);
        assert(result == 0 || (result == -EINVAL && why[0] != '\0'));
        (void)result;
    }
}

static void read_as_file(const uint8_t *data, size_t size)
{
    struct gord_config config = {0};
    struct gord_faults faults = {.tell = drop};
    gord_conffile_parse((const char *)data, size, "fuzz.conf", &faults, take_key, &config);
    gord_config_fini(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_arguments words;
    struct gord_config config;
    struct gord_faults faults = {.tell = drop};
    read_as_file(data, size);
    fuzz_arguments_init(&words, data, size);
    fuzz_hush();
    int result = gord_config_parse(words.argc, words.argv, &faults, &config);
    fuzz_speak();
    assert(result == 0 || result == 1 || result == -EINVAL);
    if (result == 0) {
        check(&config);
        gord_config_fini(&config);
    }
    fuzz_arguments_fini(&words);
    return 0;
}
