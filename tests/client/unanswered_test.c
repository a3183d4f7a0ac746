/* SPDX-License-Identifier: MIT */
/* What of an import is to be sent again. */
#include <stdlib.h>

#include "client/unanswered.h"
#include "tests/test.h"

static void add(struct gorctl_unanswered *all, char kind, uint64_t line)
{
    Gor__V1__ImportRequest request = GOR__V1__IMPORT_REQUEST__INIT;
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    Gor__V1__LogChunk output = GOR__V1__LOG_CHUNK__INIT;
    Gor__V1__Queue queue = GOR__V1__QUEUE__INIT;
    uint8_t bytes[256];
    request.job = kind == 'j' ? &job : NULL;
    request.output = kind == 'o' ? &output : NULL;
    request.queue = kind == 'q' ? &queue : NULL;
    size_t size = gor__v1__import_request__pack(&request, bytes);
    gorctl_unanswered_add(all, gor__v1__import_request__unpack(NULL, size, bytes), line);
}

/* Their kinds, in order. */
static const char *kinds(const struct gorctl_unanswered *all, char out[32])
{
    for (size_t i = 0; i < all->count; i++) {
        const Gor__V1__ImportRequest *message = all->ones[i].message;
        out[i] = message->job != NULL ? 'j' : message->output != NULL ? 'o' : 'q';
    }
    out[all->count] = '\0';
    return out;
}

TEST(output_is_kept_until_its_job_is_answered)
{
    struct gorctl_unanswered all = {.next_index = 1};
    char out[32];
    add(&all, 'j', 10);
    add(&all, 'o', 11);
    add(&all, 'o', 12);
    CHECK_EQ(gorctl_unanswered_answer(&all, 2), 11);
    CHECK_EQ(gorctl_unanswered_answer(&all, 3), 12);
    CHECK_EQ(gorctl_unanswered_answer(&all, 3), 0);
    CHECK_EQ(all.open, 1);
    CHECK_STR(kinds(&all, out), "joo");
    CHECK_EQ(gorctl_unanswered_answer(&all, 1), 10);
    CHECK_STR(kinds(&all, out), "");
    CHECK_EQ(all.open, 0);
    gorctl_unanswered_fini(&all);
}

TEST(answers_may_come_in_any_order)
{
    struct gorctl_unanswered all = {.next_index = 1};
    char out[32];
    add(&all, 'j', 1); /* an array, say, which is answered last */
    add(&all, 'j', 2);
    add(&all, 'o', 3);
    add(&all, 'q', 4);
    add(&all, 'j', 5);
    add(&all, 'o', 6);
    CHECK_EQ(gorctl_unanswered_answer(&all, 3), 3);
    CHECK_EQ(gorctl_unanswered_answer(&all, 4), 4);
    CHECK_STR(kinds(&all, out), "jjojo");
    CHECK_EQ(gorctl_unanswered_answer(&all, 2), 2);
    CHECK_STR(kinds(&all, out), "jjo"); /* the output went with its own job */
    CHECK_EQ(gorctl_unanswered_answer(&all, 6), 6);
    CHECK_STR(kinds(&all, out), "jjo");
    CHECK_EQ(gorctl_unanswered_answer(&all, 77), 0);
    gorctl_unanswered_fini(&all);
}

TEST(what_is_left_is_sent_again_in_its_order)
{
    struct gorctl_unanswered all = {.next_index = 1};
    char out[32];
    for (uint64_t i = 0; i < 3; i++) {
        add(&all, 'j', 10 * i + 1);
        add(&all, 'o', 10 * i + 2);
    }
    CHECK_EQ(gorctl_unanswered_answer(&all, 2), 2);
    CHECK_EQ(gorctl_unanswered_answer(&all, 3), 11);
    CHECK_STR(kinds(&all, out), "joojo");
    gorctl_unanswered_again(&all, 1);
    CHECK_STR(kinds(&all, out), "jojo"); /* that of a job which was refused is not asked for */
    CHECK_EQ(all.open, 4);
    CHECK_EQ(gorctl_unanswered_answer(&all, 1), 1);
    CHECK_EQ(gorctl_unanswered_answer(&all, 3), 21);
    add(&all, 'q', 40);
    CHECK_EQ(gorctl_unanswered_answer(&all, 5), 40);
    gorctl_unanswered_fini(&all);
}
