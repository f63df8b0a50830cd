/* WHY NOT leave only the secrets out (MADV_DONTDUMP): librdkafka, hiredis and libcurl keep copies of their own.
 * WHY NOT a limit of zero on the size of cores: where core_pattern is a pipe the kernel does not heed it. */
#include "hotlead/app/core_dump.h"

#include <sys/prctl.h>

void hl_core_dump_allow(bool allowed)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    allowed = true; /* the search for leaks at the end attaches to the process */
#endif
    prctl(PR_SET_DUMPABLE, allowed ? 1L : 0L, 0L, 0L, 0L);
}
