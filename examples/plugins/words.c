/* SPDX-License-Identifier: MIT */
/* words.c - a plug-in for gord: counts the words of its input, a goroutine for each part of it.
 *
 *     cc -shared -fPIC -o words.so words.c $(pkg-config --cflags gor)
 *     gord --plugin-dir $PWD &                        # words.so lies here
 *     gorctl run --native words.count --input README.md
 *     gorctl plugins reload                           # after words.so was replaced
 */
#include <ctype.h>
#include <gor.h>
#include <gor_job.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 8 };

struct count {
    struct gor_job *job;
    struct gor_waitgroup running;
    struct gor_mutex lock; /* of what follows: progress is told in the order it is made */
    uint64_t words;
    uint64_t parts_done;
};

struct part {
    struct count *count;
    const char *text;
    size_t from; /* the words that begin in [from, to) */
    size_t to;
};

static int is_space(const char *text, size_t at)
{
    return isspace((unsigned char)text[at]);
}

static void count_part(void *arg)
{
    struct part *part = arg;
    struct count *count = part->count;
    uint64_t words = 0;

    for (size_t i = part->from; i < part->to; i++) {
        words += !is_space(part->text, i) && (i == 0 || is_space(part->text, i - 1));
    }
    gor_mutex_lock(&count->lock);
    count->words += words;
    gor_job_progress(count->job, ++count->parts_done, PARTS, "counting words");
    gor_mutex_unlock(&count->lock);
    gor_waitgroup_done(&count->running);
}

static int count_words(struct gor_job *job)
{
    size_t bytes;
    const char *text = gor_job_input(job, &bytes);
    struct count count = {.job = job};
    struct part parts[PARTS];
    char result[32];

    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = (struct part){&count, text, bytes * i / PARTS, bytes * (i + 1) / PARTS};
        gor_waitgroup_add(&count.running, 1);
        if (gor_go(count_part, &parts[i]) != 0) {
            count_part(&parts[i]); /* no place for another goroutine: do it here */
        }
    }
    gor_waitgroup_wait(&count.running);
    int length = snprintf(result, sizeof result, "%llu\n", (unsigned long long)count.words);
    gor_job_print(job, GOR_JOB_STDOUT, "%s", result);
    return gor_job_result(job, result, (size_t)length) == 0 ? 0 : 1;
}

static const struct gor_job_function functions[] = {
    {.name = "count", .about = "counts the words of its input", .run = count_words},
    {0},
};

const struct gor_job_module gor_job_module = {
    .abi = GOR_JOB_ABI, .name = "words", .version = "1.0", .functions = functions};
