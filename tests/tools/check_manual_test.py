#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_manual: the manual as it is, and pages that do not say what a header says."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "check_manual")
HEADER = """
#define GOR_API __attribute__((visibility("default")))
#define GOR_VERSION "0.1.0"
struct gor_box {
    int width; /* in mm */
    char label[GOR_LABEL_BYTES];
};
/* Opens; see gor_secret, which is no more. */
GOR_API int gor_box_open(struct gor_box *box, int (*fn)(void *arg),
                         void *arg);
GOR_API GOR_NORETURN void gor_box_drop(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
"""
PAGE = r"""
.TH GOR_BOX 3 2026-11-25 "gor 0.1.0" "Library Functions Manual"
.SH NAME
gor_box_open,
gor_box_drop \- boxes
.SH SYNOPSIS
.nf
.B #include <gor.h>
.PP
.BI "int gor_box_open(struct gor_box *" box ", int (*" fn ")(void *" arg ),
.BI "        void *" arg );
.BI "[[noreturn]] void gor_box_drop(const char *" format ", ...);"
.fi
.SH DESCRIPTION
See
.BR gor_box_open ().
.PP
.EX
struct gor_box {
    int width;
    char label[GOR_LABEL_BYTES];
};
.EE
""".lstrip()


class Manual(unittest.TestCase):
    def check(self, page, header=HEADER):
        with tempfile.TemporaryDirectory() as folder:
            pages = os.path.join(folder, "man")
            os.mkdir(pages)
            for path, text in ((os.path.join(folder, "gor.h"), header),
                               (os.path.join(pages, "gor_box.3"), page)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            return subprocess.run([TOOL, "--header", os.path.join(folder, "gor.h"), "--pages", pages],
                                  capture_output=True, text=True, check=False)

    def complains(self, complaint, page, header=HEADER):
        result = self.check(page, header)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(complaint, result.stdout)

    def test_this_tree(self):
        result = subprocess.run([TOOL], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_page_that_is_right(self):
        result = self.check(PAGE)
        self.assertEqual((result.returncode, result.stdout),
                         (0, "1 pages name 2 functions rightly\n"))

    def test_function_without_a_page(self):
        self.complains("no page names gor_box_weigh",
                       PAGE, HEADER + "GOR_API int gor_box_weigh(void);\n")

    def test_page_of_a_function_that_is_no_more(self):
        self.complains("NAME has gor_box_drop, which gor.h has not",
                       PAGE, HEADER[:HEADER.index("GOR_API GOR_NORETURN")])

    def test_prototype_that_has_changed_is_given_as_it_is(self):
        page = PAGE.replace("int gor_box_open", "long gor_box_open")
        self.complains("SYNOPSIS lacks a right prototype of gor_box_open", page)
        self.complains('.BI "int gor_box_open(struct gor_box *" box', page)
        self.complains("SYNOPSIS has 'long gor_box_open(", page)

    def test_structure_that_has_changed(self):
        self.complains("struct gor_box has other fields in gor.h",
                       PAGE.replace("int width", "long width"))

    def test_word_that_is_nowhere_in_the_code_of_the_header(self):
        self.complains("gor_secret is not in gor.h", PAGE.replace("See\n", "See gor_secret and\n"))

    def test_wrong_version(self):
        self.complains(".TH is not that of GOR_BOX 3", PAGE.replace("0.1.0", "0.0.9"))

    def test_page_that_mandoc_minds(self):
        self.complains("unknown macro", PAGE + ".NOSUCHMACRO\n")


if __name__ == "__main__":
    unittest.main()
