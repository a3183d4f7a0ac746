/* SPDX-License-Identifier: MIT */
/* shells.c - see shells.h; the bytes are in shells_text.S. */
#include "client/shells.h"

#include <stddef.h>

extern const char gorctl_shell_bash[], gorctl_shell_bash_end[];
extern const char gorctl_shell_zsh[], gorctl_shell_zsh_end[];
extern const char gorctl_shell_fish[], gorctl_shell_fish_end[];

const struct gorctl_shell gorctl_shells[] = {
    {"bash", gorctl_shell_bash, gorctl_shell_bash_end},
    {"zsh", gorctl_shell_zsh, gorctl_shell_zsh_end},
    {"fish", gorctl_shell_fish, gorctl_shell_fish_end},
    {NULL, NULL, NULL},
};
