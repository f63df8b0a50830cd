#include "hotlead/app/model_file.h"

bool hl_duration_parse(struct hl_slice s, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    size_t digits = 0;
    while (digits < s.len && s.data[digits] >= '0' && s.data[digits] <= '9') digits++;
    int64_t n;
    if (digits == 0 || !hl_slice_parse_i64((struct hl_slice){s.data, digits}, &n)) return false;
    struct hl_slice unit = {s.data + digits, s.len - digits};
    for (size_t i = 0; i < HL_ARRAY_LEN(units); i++) {
        if (!hl_slice_eq_cstr(unit, units[i].unit)) continue;
        return !__builtin_mul_overflow(n, units[i].ms, ms);
    }
    return false;
}
