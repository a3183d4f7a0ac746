/* SPDX-License-Identifier: MIT */
/* descriptors.S - the FileDescriptorSet of every .proto file, as protoc made it; descriptors.h. */
    .section .rodata
    .balign 16
    .global wire_descriptors_begin
    .hidden wire_descriptors_begin
    .global wire_descriptors_end
    .hidden wire_descriptors_end
wire_descriptors_begin:
    .incbin "descriptors.pb"
wire_descriptors_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
