/* SPDX-License-Identifier: MIT */
/* assert.c - see assert.h. vsnprintf is left alone: it may allocate or take a lock of stdio's. */
#include "runtime/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct text {
    char bytes[512];
    size_t len;
};

static void put(struct text *out, const char *s, size_t len)
{
    size_t room = sizeof out->bytes - out->len;
    if (len > room) {
        len = room;
    }
    memcpy(out->bytes + out->len, s, len);
    out->len += len;
}

static void put_number(struct text *out, uint64_t value, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put(out, digits + at, sizeof digits - at);
}

static void put_signed(struct text *out, int64_t value)
{
    if (value < 0) {
        put(out, "-", 1);
        put_number(out, 0 - (uint64_t)value, 10);
    } else {
        put_number(out, (uint64_t)value, 10);
    }
}

static void put_string(struct text *out, const char *s)
{
    if (s == NULL) {
        s = "(null)";
    }
    put(out, s, strlen(s));
}

/* One conversion at `*format`, which stands behind its '%'. */
static void put_conversion(struct text *out, const char **format, va_list *args)
{
    bool is_long = **format == 'l';
    while (**format == 'l') {
        (*format)++;
    }
    switch (**format) {
    case 's':
        put_string(out, va_arg(*args, const char *));
        break;
    case 'd':
        put_signed(out, is_long ? va_arg(*args, long) : va_arg(*args, int));
        break;
    case 'u':
        put_number(out, is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 10);
        break;
    case 'x':
        put_number(out, is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 16);
        break;
    case 'p':
        put(out, "0x", 2);
        put_number(out, (uintptr_t)va_arg(*args, void *), 16);
        break;
    default:
        put(out, *format, 1);
        break;
    }
}

/* A thread with a table of descriptors of its own has none of that number. */
static void say(const char *text, size_t len)
{
    ssize_t written = write(STDERR_FILENO, text, len);
    if (written < 0 && errno == EBADF) {
        int fd = open("/proc/self/fd/2", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_APPEND);
        written = write(fd, text, len);
    }
    (void)written;
}

static void say_fatal(const char *format, va_list *args)
{
    struct text out = {.len = 0};
    put_string(&out, "gor: fatal: ");
    for (; *format != '\0'; format++) {
        if (*format == '%' && format[1] != '\0') {
            format++;
            put_conversion(&out, &format, args);
        } else {
            put(&out, format, 1);
        }
    }
    if (out.len == sizeof out.bytes) {
        out.len--;
    }
    out.bytes[out.len++] = '\n';
    say(out.bytes, out.len);
}

void gor__die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_fatal(format, &args);
    va_end(args);
    abort();
}

void gor__die_later(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_fatal(format, &args);
    va_end(args);
}
