#include "hotlead/base/lock.h"

#include "hotlead/base/status.h"

void hl_lock_init(struct hl_lock *l)
{
    HL_BUG_ON(pthread_mutex_init(&l->mutex, NULL) != 0);
    atomic_init(&l->contended, 0);
}

void hl_lock_fini(struct hl_lock *l)
{
    HL_BUG_ON(pthread_mutex_destroy(&l->mutex) != 0); /* EBUSY: somebody still holds it */
}
