/* SPDX-License-Identifier: MIT */
/* screen.c - see screen.h. */
#include "client/screen.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/array.h"
#include "client/text.h"

#define STYLE_GREEN "\x1b[32m"
#define STYLE_RED "\x1b[31m"
#define STYLE_YELLOW "\x1b[33m"
#define STYLE_CYAN "\x1b[36m"
#define STYLE_DIM "\x1b[2m"

struct gorctl_screen gorctl_screen_of(int fd)
{
    struct gorctl_screen screen = {0};
    screen.terminal = isatty(fd) == 1;
    if (!screen.terminal) {
        return screen;
    }
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    screen.colour =
        (no_colour == NULL || no_colour[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        screen.width = size.ws_col;
    } else {
        screen.width = 80;
    }
    return screen;
}

/* In the contract's order. */
static const char *const state_words[] = {"unknown", "created", "runnable",
                                          "running", "waiting", "terminated"};
static const char *const outcome_words[] = {
    "unknown", "succeeded",   "failed",   "signaled",   "timed out",         "cancelled",
    "lost",    "not started", "panicked", "oom killed", "dependency failed", "expired"};
enum {
    STATES = sizeof(state_words) / sizeof(state_words[0]),
    OUTCOMES = sizeof(outcome_words) / sizeof(outcome_words[0]),
};
_Static_assert(STATES == GOR__V1__JOB_STATE__TERMINATED + 1, "a word for every state");
_Static_assert(OUTCOMES == GOR__V1__OUTCOME__EXPIRED + 1, "a word for every outcome");

/* The numbers are those of the fields of a JobSpec as well. */
static const char *const kind_words[] = {[GOR__V1__SELECTOR__KIND__EXEC] = "exec",
                                         [GOR__V1__SELECTOR__KIND__NATIVE] = "native",
                                         [GOR__V1__SELECTOR__KIND__LUA] = "lua",
                                         [GOR__V1__SELECTOR__KIND__ARRAY] = "array"};
enum { KINDS = sizeof(kind_words) / sizeof(kind_words[0]) };
_Static_assert((int)GOR__V1__SELECTOR__KIND__EXEC == (int)GOR__V1__JOB_SPEC__KIND_EXEC &&
                   (int)GOR__V1__SELECTOR__KIND__NATIVE == (int)GOR__V1__JOB_SPEC__KIND_NATIVE &&
                   (int)GOR__V1__SELECTOR__KIND__LUA == (int)GOR__V1__JOB_SPEC__KIND_LUA &&
                   (int)GOR__V1__SELECTOR__KIND__ARRAY == (int)GOR__V1__JOB_SPEC__KIND_GROUP,
               "one number for both");

const char *gorctl_state_word(Gor__V1__JobState state)
{
    return (unsigned)state < STATES ? state_words[state] : state_words[0];
}

const char *gorctl_outcome_word(Gor__V1__Outcome outcome)
{
    return (unsigned)outcome < OUTCOMES ? outcome_words[outcome] : outcome_words[0];
}

static char plain_letter(char letter)
{
    return letter == '_' || letter == '-' ? ' ' : (char)tolower((unsigned char)letter);
}

static bool same_word(const char *given, const char *word)
{
    while (*given != '\0' && plain_letter(*given) == *word) {
        given++;
        word++;
    }
    return *given == *word;
}

bool gorctl_state_parse(const char *word, Gor__V1__JobState *out_state)
{
    for (int i = 1; i < STATES; i++) {
        if (same_word(word, state_words[i])) {
            *out_state = (Gor__V1__JobState)i;
            return true;
        }
    }
    return false;
}

const char *gorctl_kind_word(Gor__V1__Selector__Kind kind)
{
    return (unsigned)kind < KINDS ? kind_words[kind] : NULL;
}

bool gorctl_kind_parse(const char *word, Gor__V1__Selector__Kind *out_kind)
{
    for (int i = 1; i < KINDS; i++) {
        if (kind_words[i] != NULL && same_word(word, kind_words[i])) {
            *out_kind = (Gor__V1__Selector__Kind)i;
            return true;
        }
    }
    return false;
}

bool gorctl_outcome_parse(const char *word, Gor__V1__Outcome *out_outcome)
{
    if (same_word(word, "spawn error")) {
        *out_outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
        return true;
    }
    for (int i = 1; i < OUTCOMES; i++) {
        if (same_word(word, outcome_words[i])) {
            *out_outcome = (Gor__V1__Outcome)i;
            return true;
        }
    }
    return false;
}

static void status_text(Gor__V1__JobState state, Gor__V1__Outcome outcome, int exit_code,
                        int signal, char out[GORCTL_WORD_ROOM])
{
    if (state != GOR__V1__JOB_STATE__TERMINATED) {
        snprintf(out, GORCTL_WORD_ROOM, "%s", gorctl_state_word(state));
    } else if (outcome == GOR__V1__OUTCOME__FAILED) {
        snprintf(out, GORCTL_WORD_ROOM, "failed (%d)", exit_code);
    } else if (outcome == GOR__V1__OUTCOME__SIGNALED) {
        const char *name = sigabbrev_np(signal);
        snprintf(out, GORCTL_WORD_ROOM, "signal %d (%s)", signal, name != NULL ? name : "?");
    } else {
        snprintf(out, GORCTL_WORD_ROOM, "%s", gorctl_outcome_word(outcome));
    }
}

/* Behind it, whatever it was that ended it: where its memory is to be found. */
static void add_core(bool dumped, char out[GORCTL_WORD_ROOM])
{
    size_t used = strlen(out);
    if (dumped) {
        snprintf(out + used, GORCTL_WORD_ROOM - used, ", core dumped");
    }
}

void gorctl_status_text(const Gor__V1__Job *job, char out[GORCTL_WORD_ROOM])
{
    status_text(job->state, job->outcome, job->exit_code, job->signal, out);
    add_core(job->core_dumped, out);
}

void gorctl_event_text(const Gor__V1__Event *event, char out[GORCTL_WORD_ROOM])
{
    status_text(event->state, event->outcome, event->exit_code, event->signal, out);
    add_core(event->core_dumped && event->state == GOR__V1__JOB_STATE__TERMINATED, out);
}

const char *gorctl_status_style(Gor__V1__JobState state, Gor__V1__Outcome outcome)
{
    switch (state) {
    case GOR__V1__JOB_STATE__RUNNING:
        return STYLE_CYAN;
    case GOR__V1__JOB_STATE__WAITING:
        return STYLE_YELLOW;
    case GOR__V1__JOB_STATE__TERMINATED:
        break;
    default:
        return STYLE_DIM;
    }
    switch (outcome) {
    case GOR__V1__OUTCOME__SUCCEEDED:
        return STYLE_GREEN;
    case GOR__V1__OUTCOME__CANCELLED:
        return STYLE_YELLOW;
    default:
        return STYLE_RED;
    }
}

static char *exec_text(const Gor__V1__ExecSpec *exec)
{
    struct gorctl_word *words = gorctl_alloc(exec->n_argv * sizeof(*words));
    for (size_t i = 0; i < exec->n_argv; i++) {
        words[i] = (struct gorctl_word){exec->argv[i].data, exec->argv[i].len};
    }
    char *text = gorctl_text_words(words, exec->n_argv);
    free(words);
    return text;
}

static char *native_text(const Gor__V1__NativeSpec *native)
{
    struct gorctl_word *words = gorctl_alloc((native->n_args + 1) * sizeof(*words));
    words[0] = (struct gorctl_word){native->function, strlen(native->function)};
    for (size_t i = 0; i < native->n_args; i++) {
        words[i + 1] = (struct gorctl_word){native->args[i], strlen(native->args[i])};
    }
    char *text = gorctl_text_words(words, native->n_args + 1);
    free(words);
    return text;
}

/* "lua report.lua 2026-11" */
static char *lua_text(const Gor__V1__LuaSpec *lua)
{
    struct gorctl_word *words = gorctl_alloc((lua->n_args + 2) * sizeof(*words));
    const char *name = lua->chunk_name[0] != '\0' ? lua->chunk_name : "script";
    words[0] = (struct gorctl_word){"lua", 3};
    words[1] = (struct gorctl_word){name, strlen(name)};
    for (size_t i = 0; i < lua->n_args; i++) {
        words[i + 2] = (struct gorctl_word){lua->args[i], strlen(lua->args[i])};
    }
    char *text = gorctl_text_words(words, lua->n_args + 2);
    free(words);
    return text;
}

/* "array 0-99%4" */
static char *group_text(const Gor__V1__Array *array)
{
    char *indices = gorctl_array_text(array);
    char *text = gorctl_format("array %s", indices);
    free(indices);
    return text;
}

char *gorctl_command_text(const Gor__V1__JobSpec *spec)
{
    if (spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC && spec->exec != NULL) {
        return exec_text(spec->exec);
    }
    if (spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE && spec->native != NULL) {
        return native_text(spec->native);
    }
    if (spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_LUA && spec->lua != NULL) {
        return lua_text(spec->lua);
    }
    if (spec != NULL && spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP && spec->array != NULL) {
        return group_text(spec->array);
    }
    return gorctl_strdup("");
}

int64_t gorctl_job_took(const Gor__V1__Job *job, int64_t now_ns)
{
    if (job->started_ns == 0) {
        return 0;
    }
    int64_t end = job->finished_ns != 0 ? job->finished_ns : now_ns;
    return end > job->started_ns ? end - job->started_ns : 0;
}
