#!/usr/bin/env python3
"""Write src/base/exp2_table.inc: 2^(i/2^8), 2^(i/2^16) and 2^(i/2^24) for i in 0..255, as Q1.62.

Integers only. 2^(1/2^k) comes from k integer square roots with 200 fraction bits, an entry is the product of the
roots that its bits name. Each step loses less than one unit of 2^-200, so what is rounded to 62 bits is right to
more than 180 bits; the script stops if an entry is too near to a tie for that.
"""
import math
import sys

BITS, OUT = 200, 62


def roots(n):
    r, two = [], 2 << BITS
    for _ in range(n):
        two = math.isqrt(two << BITS)
        r.append(two)
    return r  # r[k] = 2^(1/2^(k+1))


def entry(i, top, root):
    v = 1 << BITS
    for bit in range(8):
        if i >> bit & 1:
            v = v * root[top - bit - 1] >> BITS
    drop = BITS - OUT
    low = v & ((1 << drop) - 1)
    if abs(low - (1 << (drop - 1))) < 1 << 16:
        sys.exit("an entry is too near to a tie")
    return (v + (1 << (drop - 1))) >> drop


def main():
    root = roots(24)
    print("/* Made by tests/support/make_exp2_table.py; do not edit. 2^(i / 2^(8 n)) as Q1.62, n = 1, 2, 3. */")
    for top in (8, 16, 24):
        print("{")
        for i in range(0, 256, 4):
            print("    " + " ".join("UINT64_C(0x%016x)," % entry(j, top, root) for j in range(i, i + 4)))
        print("},")


main()
