/* Texts with places to be filled: the number of a room, and what matchmaking answered.  Pure. */
#ifndef PLACES_H
#define PLACES_H

#include <stdio.h>
#include <string.h>

/* Where the number of a client's room goes, in paths and in the first message. */
#define ROOM_PLACE "@@@@@@"
enum { ROOM_DIGITS = sizeof ROOM_PLACE - 1 };

/* Write a room's number where there is a place for it. */
static void number_room(char *text, size_t length, int room) {
    char *place = memmem(text, length, ROOM_PLACE, ROOM_DIGITS);
    if (place == NULL) return;
    for (int i = ROOM_DIGITS; i-- > 0; room /= 10) place[i] = (char)('0' + room % 10);
}

/* Copy the string that a JSON object has under a name; 0 if there is none, or no room for it. */
static int json_string(const char *json, const char *name, size_t length, char *out, size_t size) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"%.*s\":\"", (int)length, name);
    const char *start = strstr(json, wanted);
    if (start == NULL) return 0;
    start += strlen(wanted);
    size_t taken = strcspn(start, "\"");
    if (taken >= size) return 0;
    memcpy(out, start, taken);
    out[taken] = 0;
    return 1;
}

/* Fill the names in braces of a path with strings of a JSON object; 0 if one is missing. */
static int fill_path(const char *path, const char *json, char *out, size_t size) {
    size_t at = 0;
    for (const char *p = path; *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (at + 1 >= size) return 0;
        if (end == NULL) {
            out[at++] = *p;
            continue;
        }
        if (!json_string(json, p + 1, (size_t)(end - p - 1), out + at, size - at)) return 0;
        at += strlen(out + at);
        p = end;
    }
    out[at] = 0;
    return 1;
}

#endif
