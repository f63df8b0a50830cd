/* DESIGN  One cursor over the text; each helper takes what it needs or fails. Days are counted from the civil date in eras of 400 years
 * (146,097 days) with March as the first month, so that the leap day is the last day of a year. */
#include "hotlead/base/iso8601.h"

#include <stdio.h>

#define MS_PER_DAY 86400000LL
#define MIN_MS (-62167219200000LL) /* 0000-01-01T00:00:00.000Z */
#define MAX_MS 253402300799999LL   /* 9999-12-31T23:59:59.999Z */

static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void civil_of(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

static int days_in(int year, int month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_digits(struct hl_slice *s, int n, int *out)
{
    if (s->len < (size_t)n) return false;
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') return false;
        v = v * 10 + (s->data[i] - '0');
    }
    *s = (struct hl_slice){s->data + n, s->len - (size_t)n};
    *out = v;
    return true;
}

static bool take_char(struct hl_slice *s, char a, char b)
{
    if (s->len == 0 || (s->data[0] != a && s->data[0] != b)) return false;
    *s = (struct hl_slice){s->data + 1, s->len - 1};
    return true;
}

/* Digits after the point, at least one, to ms. */
static bool take_fraction(struct hl_slice *s, int *ms)
{
    int scale = 100, digit, n = 0;
    for (*ms = 0; take_digits(s, 1, &digit); n++, scale /= 10) *ms += digit * scale;
    return n > 0;
}

static bool take_offset(struct hl_slice *s, int *minutes)
{
    int hour, minute = 0, sign = 1;
    *minutes = 0;
    if (take_char(s, 'Z', 'z')) return true;
    if (take_char(s, '-', '-')) sign = -1;
    else if (!take_char(s, '+', '+')) return false;
    if (!take_digits(s, 2, &hour)) return false;
    if (take_char(s, ':', ':') ? !take_digits(s, 2, &minute) : s->len != 0 && !take_digits(s, 2, &minute)) return false;
    if (hour > 23 || minute > 59) return false;
    *minutes = sign * (hour * 60 + minute);
    return true;
}

bool hl_iso8601_parse(struct hl_slice s, int64_t *out)
{
    int year, month, day, hour, minute, second = 0, ms = 0, offset;
    if (!take_digits(&s, 4, &year) || !take_char(&s, '-', '-') || !take_digits(&s, 2, &month) || !take_char(&s, '-', '-') ||
        !take_digits(&s, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
    if (!take_char(&s, 'T', 't') && !take_char(&s, ' ', ' ')) return false;
    if (!take_digits(&s, 2, &hour) || !take_char(&s, ':', ':') || !take_digits(&s, 2, &minute)) return false;
    if (take_char(&s, ':', ':')) {
        if (!take_digits(&s, 2, &second)) return false;
        if (take_char(&s, '.', ',') && !take_fraction(&s, &ms)) return false;
    }
    if (hour > 23 || minute > 59 || second > 60) return false;
    if (!take_offset(&s, &offset) || s.len != 0) return false;
    *out = days_of(year, month, day) * MS_PER_DAY + ((hour * 60 + minute - offset) * 60LL + second) * 1000 + ms;
    return true;
}

bool hl_time_parse(struct hl_slice s, int64_t *ms)
{
    return hl_slice_parse_i64(s, ms) || hl_iso8601_parse(s, ms);
}

bool hl_seconds_parse(struct hl_slice s, int64_t *out)
{
    int64_t seconds = 0;
    int digit, n = 0, ms = 0;
    for (; n < 12 && take_digits(&s, 1, &digit); n++) seconds = seconds * 10 + digit;
    if (n == 0 || (take_char(&s, '.', '.') && !take_fraction(&s, &ms)) || s.len != 0) return false;
    *out = seconds * 1000 + ms;
    return true;
}

const char *hl_iso8601_format(int64_t ms, char buf[HL_ISO8601_SIZE])
{
    if (ms < MIN_MS) ms = MIN_MS;
    if (ms > MAX_MS) ms = MAX_MS;
    int64_t days = ms / MS_PER_DAY, rest = ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    int year, month, day;
    civil_of(days, &year, &month, &day);
    snprintf(buf, HL_ISO8601_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100,
             (unsigned)(rest / 3600000), (unsigned)(rest / 60000 % 60), (unsigned)(rest / 1000 % 60), (unsigned)(rest % 1000));
    return buf;
}
