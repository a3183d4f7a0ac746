/* SPDX-License-Identifier: MIT */
/* main.c - the command line of gord; see gorctl.h. */
#include "client/gorctl.h"

int main(int argc, char **argv)
{
    return gorctl_main(argc, argv);
}
