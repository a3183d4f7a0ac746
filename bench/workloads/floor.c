/* SPDX-License-Identifier: MIT */
/* F1: two stacks swap the callee-saved registers and nothing else. W2 is read beside it: what is
 * above it is the price of a scheduler. */
#include <stdlib.h>

#include "bench/workloads/bench.h"

#if defined(__x86_64__)
/* floor_switch(save, load): push the callee-saved registers, swap stack pointers, pop them, and
 * jump to the return address: a `ret` would be mispredicted every time. */
__asm__(".text\n"
        ".type floor_switch, @function\n"
        "floor_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    popq %rcx\n"
        "    jmp *%rcx\n"
        ".size floor_switch, . - floor_switch\n");
void floor_switch(void **save, void *load);

enum { FLOOR_STACK_WORDS = 8192, FLOOR_SAVED_WORDS = 6 };

/* Where the two sides find each other. */
struct sides {
    void *here;
    void *there;
};

/* The far side starts here with its argument in rbx, as the first switch pops it. */
__asm__(".text\n"
        ".type floor_entry, @function\n"
        "floor_entry:\n"
        "    movq %rbx, %rdi\n"
        "    call floor_bounce\n"
        "    hlt\n"
        ".size floor_entry, . - floor_entry\n");
void floor_entry(void);
void floor_bounce(struct sides *s);

__attribute__((used)) void floor_bounce(struct sides *s)
{
    for (;;) {
        floor_switch(&s->there, s->here);
    }
}

void floor_run(const struct bench *b)
{
    int64_t rounds = bench_count(b, 10000000);
    void **stack = calloc(FLOOR_STACK_WORDS, sizeof *stack);
    struct sides s = {0};

    if (stack == NULL) {
        bench_check(-12, "calloc");
        return;
    }
    /* The frame floor_switch pops: six registers and the address to go to. What is above it is
     * aligned to 16 bytes, as a call wants it. */
    void **frame = stack + FLOOR_STACK_WORDS - 2 - (FLOOR_SAVED_WORDS + 1);
    frame[4] = &s; /* rbx */
    frame[FLOOR_SAVED_WORDS] = (void *)(uintptr_t)floor_entry;
    s.there = frame;
    int64_t started = gor_now();
    for (int64_t i = 0; i < rounds; i++) {
        floor_switch(&s.here, s.there);
    }
    bench_report("F1", (double)(gor_now() - started) / (double)(2 * rounds), "ns", "count=%lld",
                 (long long)(2 * rounds));
    free(stack);
}
#else
void floor_run(const struct bench *b)
{
    (void)b;
    bench_check(-38, "F1 (written for x86-64 only)");
}
#endif
