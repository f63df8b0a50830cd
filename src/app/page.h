/* Private: the dashboard as it is built into the program; page.c is made from src/app/web by embed.cmake. */
#ifndef HL_APP_PAGE_H
#define HL_APP_PAGE_H

#include <stddef.h>

extern const unsigned char hl_page[];
extern const size_t hl_page_bytes;

#endif
