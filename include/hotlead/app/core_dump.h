/* A core dump holds every secret that was read and every contact in the table, and so does the memory that a debugger of the same user sees. */
#ifndef HOTLEAD_APP_CORE_DUMP_H
#define HOTLEAD_APP_CORE_DUMP_H

#include <stdbool.h>

/* Of this process, from now on; commands that read hotlead.yaml say no before they do, and then what `core_dumps` says. */
void hl_core_dump_allow(bool allowed);

#endif
