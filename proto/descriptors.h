/* SPDX-License-Identifier: MIT */
/* descriptors.h - the contract itself as data: a serialized google.protobuf.FileDescriptorSet with
 * every .proto file of the house, health and reflection included, comments too.
 */
#ifndef GOR_PROTO_DESCRIPTORS_H
#define GOR_PROTO_DESCRIPTORS_H

#include <stdint.h>

extern const uint8_t wire_descriptors_begin[];
extern const uint8_t wire_descriptors_end[];

#endif
