/* SPDX-License-Identifier: MIT */
/* gord - runs jobs as goroutines and keeps their history. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/base/log.h"
#include "daemon/check_store.h"
#include "daemon/daemon.h"

/* A descriptor opened later must never become somebody's stdout by accident. */
static void open_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct gord_config config;

    /* A client that goes away in the middle of an answer must not take us with it. */
    signal(SIGPIPE, SIG_IGN);
    /* A limit on file sizes is a full disk to us, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    open_standard_files();
    int result = gord_config_parse(argc, argv, &config);
    if (result != 0) {
        return result > 0 ? GORD_EXIT_OK : GORD_EXIT_USAGE;
    }
    gord_log_init(config.log_level);
    enum gord_exit code = config.check_store ? gord_check_store(&config) : gord_daemon_run(&config);
    gord_config_fini(&config);
    return (int)code;
}
