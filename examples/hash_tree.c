/* SPDX-License-Identifier: MIT */
/* hash_tree.c - SHA-256 of all files below some folders, several at once, in the form of sha256sum.
 *
 * Shows  a group of goroutines (Go's errgroup) with a limit: gor_group_go parks while so many are at
 *        work, so the walk is never far ahead; the first error cancels the group's context, its text
 *        is the cause, and the others stop at the next block; reading that parks.
 * Try    hash_tree --workers 8 /usr/include | sha256sum --check --quiet
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <gor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: hash_tree [--workers N] PATH...\n"
    "Print the SHA-256 of every regular file in PATH and below, as sha256sum does, with N files\n"
    "(4) at work at once. Symbolic links are not followed. The first error ends it all.\n";

/* ---- SHA-256 (FIPS 180-4) */

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
};

static uint32_t rotate(uint32_t word, int by)
{
    return word >> by | word << (32 - by);
}

static void sha256_block(struct sha256 *s, const uint8_t *block)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64];
    uint32_t v[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15];
        uint32_t b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, s->state, sizeof(v));
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) {
        s->state[i] += v[i];
    }
}

static void sha256_init(struct sha256 *s)
{
    *s = (struct sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                   0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

static void sha256_add(struct sha256 *s, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        s->block[s->bytes++ % 64] = data[i];
        if (s->bytes % 64 == 0) {
            sha256_block(s, s->block);
        }
    }
}

static void sha256_end(struct sha256 *s, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = s->bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    sha256_add(s, padding, 1 + (119 - s->bytes % 64) % 64);
    sha256_add(s, length, sizeof(length));
    for (int i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

/* ---- one file */

struct file {
    struct file *next;
    uint8_t digest[32];
    char path[];
};

/* End everything: the first to come here decides why. */
static int give_up(struct gor_ctx *ctx, const char *path, int error)
{
    char cause[256];
    snprintf(cause, sizeof(cause), "%s: %s", path, strerror(-error));
    gor_ctx_cancel(ctx, cause);
    return error;
}

/* Runs as a goroutine of the group, with the group's context. */
static int hash_file(struct gor_ctx *ctx, void *arg)
{
    struct file *file = arg;
    uint8_t buffer[16384];
    struct sha256 sum;
    ssize_t got = 0;
    if (gor_ctx_err(ctx) != 0) {
        return gor_ctx_err(ctx);
    }
    int fd = gor_open(file->path, O_RDONLY, 0, GOR_NEVER);
    if (fd < 0) {
        return give_up(ctx, file->path, fd);
    }
    sha256_init(&sum);
    while (gor_ctx_err(ctx) == 0 && (got = gor_read(fd, buffer, sizeof(buffer), GOR_NEVER)) > 0) {
        sha256_add(&sum, buffer, (size_t)got);
    }
    gor_close(fd);
    if (got < 0) {
        return give_up(ctx, file->path, (int)got);
    }
    sha256_end(&sum, file->digest);
    return gor_ctx_err(ctx);
}

/* ---- the walk */

struct walk {
    char **roots;
    int workers;
    struct file *first;
    struct file **last;
    struct gor_group *group;
};

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int hand_out(struct walk *walk, const char *path)
{
    struct file *file = malloc(sizeof(*file) + strlen(path) + 1);
    if (file == NULL) {
        return -ENOMEM;
    }
    file->next = NULL;
    strcpy(file->path, path);
    *walk->last = file;
    walk->last = &file->next;
    return gor_group_go(walk->group, hash_file, file);
}

/* Hand out every file, until there are no more or the context has ended. Walking blocks the thread
 * now and then; the scheduler sees to it that the others go on. */
static int hand_out_tree(struct walk *walk, struct gor_ctx *ctx)
{
    int rc = 0;
    FTSENT *entry;
    FTS *tree = fts_open(walk->roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (tree == NULL) {
        return -errno;
    }
    while (rc == 0 && gor_ctx_err(ctx) == 0 && (entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_F) {
            rc = hand_out(walk, entry->fts_path);
        } else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
                   entry->fts_info == FTS_NS) {
            rc = give_up(ctx, entry->fts_path, -entry->fts_errno);
        }
    }
    fts_close(tree);
    return rc;
}

static void print_and_free(struct walk *walk, bool print)
{
    for (struct file *file = walk->first; file != NULL;) {
        struct file *next = file->next;
        for (int i = 0; print && i < 32; i++) {
            printf("%02x", file->digest[i]);
        }
        if (print) {
            printf("  %s\n", file->path);
        }
        free(file);
        file = next;
    }
}

static int hash_trees(void *arg)
{
    struct walk *walk = arg;
    walk->last = &walk->first;
    int rc = gor_group_new(gor_ctx_background(), &walk->group);
    if (rc != 0) {
        fprintf(stderr, "hash_tree: %s\n", strerror(-rc));
        return rc;
    }
    gor_group_set_limit(walk->group, walk->workers);
    struct gor_ctx *ctx = gor_ctx_ref(gor_group_ctx(walk->group));
    rc = hand_out_tree(walk, ctx);
    if (rc != 0) {
        gor_ctx_cancel(ctx, strerror(-rc));
    }
    int first_error = gor_group_wait(walk->group);
    rc = rc != 0 ? rc : first_error;
    if (rc != 0) {
        fprintf(stderr, "hash_tree: %s\n", gor_ctx_cause(ctx));
    }
    print_and_free(walk, rc == 0);
    gor_ctx_unref(ctx);
    gor_group_free(walk->group);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct walk walk = {.workers = 4};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        walk.workers = option == 'w' ? atoi(optarg) : 0;
    }
    if (walk.workers < 1 || walk.workers > 10000 || optind == argc) {
        fprintf(stderr, "hash_tree: from 1 to 10000 workers, and at least one path\n%s", usage);
        return 2;
    }
    walk.roots = argv + optind;
    return gor_run(NULL, hash_trees, &walk) == 0 ? 0 : 1;
}
