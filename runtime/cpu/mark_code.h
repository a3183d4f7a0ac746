/* SPDX-License-Identifier: MIT */
/* mark_code.h - included by the compiler into every file of the library and no other: notes where the code
 * of the object file begins and ends; see own_code.h.
 *
 * The assembler puts what is in the last subsection behind all that the compiler writes. Neither a section
 * of another name was to be had, for debuggers and profilers look for functions in .text only, nor an
 * order of the linker's, which promises none.
 */
#ifndef GOR_CPU_MARK_CODE_H
#define GOR_CPU_MARK_CODE_H

/* A section symbol is where the part of the object file begins. Both are offsets from where they stand,
 * which need no relocation at run time. */
#define GOR__MARK_CODE(section, end)                                        \
    __asm__(".pushsection " section ", 8191, \"ax\", %progbits\n" end ":\n" \
            ".popsection\n"                                                 \
            ".pushsection gor_code, \"a\", %progbits\n"                     \
            ".balign 8\n"                                                   \
            ".8byte " section " - .\n"                                      \
            ".8byte " end " - .\n"                                          \
            ".popsection\n")

GOR__MARK_CODE(".text", ".Lgor_text_end");
GOR__MARK_CODE(".text.unlikely", ".Lgor_unlikely_end");
GOR__MARK_CODE(".text.hot", ".Lgor_hot_end");

#endif
