/* SPDX-License-Identifier: MIT */
/* when.h - durations, times and amounts: read from people, written for people.
 *
 * Pure functions; "now" is handed in so that they can be tested. Times are nanoseconds since 1970,
 * shown and read in local time unless the text names a zone.
 */
#ifndef GOR_CLIENT_WHEN_H
#define GOR_CLIENT_WHEN_H

#include <stdint.h>

/* Room for every text these functions write. */
enum { GORCTL_WHEN_ROOM = 40 };

/* "5s", "250ms", "1h30m", "1.5s", "2d"; a bare number other than 0 is -EINVAL, as
 * nobody knows its unit; -ERANGE beyond 292 years. */
int gorctl_duration_parse(const char *text, int64_t *out_ns);

/* "0s", "12ms", "3.21s", "4m05s", "2h03m", "5d04h". */
void gorctl_duration_text(int64_t ns, char out[GORCTL_WHEN_ROOM]);

/* "2026-03-01", "2026-03-01 12:30[:15[.25]]", "...T...Z" or "+02:00", "now", "today", "yesterday", or a
 * duration: so long ago. -EINVAL. */
int gorctl_time_parse(const char *text, int64_t now_ns, int64_t *out_ns);

/* "12:30:15" on the day of `now_ns`, else "2026-03-01 12:30"; "-" for 0. */
void gorctl_time_text(int64_t ns, int64_t now_ns, char out[GORCTL_WHEN_ROOM]);

/* "2026-03-01 12:30:15.123 +0200"; "-" for 0. */
void gorctl_time_exact(int64_t ns, char out[GORCTL_WHEN_ROOM]);

/* "0 B", "17 B", "1.5 KiB", "3.0 GiB". */
void gorctl_bytes_text(uint64_t bytes, char out[GORCTL_WHEN_ROOM]);

/* "1,234,567". */
void gorctl_count_text(uint64_t count, char out[GORCTL_WHEN_ROOM]);

/* Wall clock. */
int64_t gorctl_now(void);

#endif
