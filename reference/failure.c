#include "failure.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* Decodes the UTF-8 scalar at text[0]. Returns its length, or 0 where there is none. */
static size_t decode_scalar(const unsigned char *text, uint32_t *scalar)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length; less is an overlong form */
    const size_t length = text[0] < 0x80 ? 1 : text[0] < 0xC0 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    uint32_t value = length > 1 ? text[0] & (0xFFu >> (length + 1)) : text[0];
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0; /* also the end of the text */
        value = value << 6 | (text[i] & 0x3Fu);
    }
    if (length == 0 || text[0] > 0xF4 || value < least[length] || value > 0x10FFFF) return 0;
    if (value >= 0xD800 && value < 0xE000) return 0;
    *scalar = value;
    return length;
}

void make_visible(char *visible, size_t size, const char *text)
{
    const unsigned char *next = (const unsigned char *)text;
    size_t used = 0;
    while (*next) {
        char piece[16];
        uint32_t scalar = 0;
        const size_t length = decode_scalar(next, &scalar);
        int count = 0;
        if (length == 0) count = snprintf(piece, sizeof piece, "\\x%02x", *next);
        else if (scalar == '\n') count = snprintf(piece, sizeof piece, "\\n");
        else if (scalar == '\r') count = snprintf(piece, sizeof piece, "\\r");
        else if (scalar == '\t') count = snprintf(piece, sizeof piece, "\\t");
        else if (scalar < 0x20 || scalar == 0x7F) count = snprintf(piece, sizeof piece, "\\x%02x", (unsigned)scalar);
        else if ((scalar >= 0x80 && scalar < 0xA0) || scalar == 0x2028 || scalar == 0x2029) {
            count = snprintf(piece, sizeof piece, "\\u{%x}", (unsigned)scalar);
        } else count = snprintf(piece, sizeof piece, "%.*s", (int)length, (const char *)next);
        if (count < 0 || (size_t)count >= size - used) break; /* a piece is written whole or not at all */
        for (int i = 0; i < count; i++) visible[used++] = piece[i];
        next += length > 0 ? length : 1;
    }
    visible[used] = '\0';
}

bool fail(struct failure *failure, const char *format, ...)
{
    char text[sizeof failure->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_visible(failure->text, sizeof failure->text, text);
    return false;
}
