#include "meter.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)

enum hl_status hl_meter_init(struct hl_meter *m, int64_t length_ns)
{
    *m = (struct hl_meter){.start_ns = 0};
    m->window_ns = SECOND * ((length_ns / SECOND + HL_METER_WINDOWS - 1) / HL_METER_WINDOWS);
    if (m->window_ns == 0) m->window_ns = SECOND;
    m->n_windows = (size_t)((length_ns + m->window_ns - 1) / m->window_ns);
    if (m->n_windows == 0) m->n_windows = 1;
    if (m->n_windows > HL_METER_WINDOWS) m->n_windows = HL_METER_WINDOWS;
    m->windows = calloc(m->n_windows, sizeof(*m->windows));
    return m->windows ? HL_OK : HL_E_NOMEM;
}

void hl_meter_fini(struct hl_meter *m)
{
    free(m->windows);
    m->windows = NULL;
}

struct hl_meter_window *hl_meter_at(struct hl_meter *m, int64_t at_ns)
{
    size_t i = at_ns > 0 ? (size_t)(at_ns / m->window_ns) : 0;
    return &m->windows[i < m->n_windows ? i : m->n_windows - 1];
}

size_t hl_meter_used(const struct hl_meter *m)
{
    size_t n = m->n_windows;
    while (n > 1 && !m->windows[n - 1].sent && !m->windows[n - 1].acked && !m->windows[n - 1].latency.count) n--;
    return n;
}

const struct hl_hist *hl_meter_recent(struct hl_meter *m)
{
    int now = m->writing;
    hl_hist_init(&m->recent[!now]);
    m->writing = !now;
    return &m->recent[now];
}
