# SPDX-License-Identifier: MIT
"""S1 to S4: gord under load, beside its peers."""


def run_case(case, programs, arguments, out):
    out.skipped(case, programs.why.get("service", "not there"))
