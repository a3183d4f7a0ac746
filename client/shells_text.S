/* SPDX-License-Identifier: MIT */
/* shells_text.S - the scripts in shells/, byte for byte; shells.h. */
    .macro script name, file
    .global gorctl_shell_\name
    .hidden gorctl_shell_\name
    .global gorctl_shell_\name\()_end
    .hidden gorctl_shell_\name\()_end
gorctl_shell_\name:
    .incbin "\file"
gorctl_shell_\name\()_end:
    .byte 0
    .endm

    .section .rodata
    script bash, "gorctl.bash"
    script zsh, "gorctl.zsh"
    script fish, "gorctl.fish"
    .section .note.GNU-stack, "", %progbits
