#!/usr/bin/env python3
"""Who may include whom: main -> app -> port <- adapter; app, adapter, port -> core -> base. No adapter knows another, and no header
of ours shows a third-party header."""
import re
import sys
from pathlib import Path

from source import blank, c_files, read, report, self_test

ROOMS = {
    "base": {"base"},
    "core": {"base", "core"},
    "port": {"base", "core", "port"},
    "adapter": {"base", "core", "port", "adapter"},
    "app": {"base", "core", "port", "adapter", "app"},
    "main.c": {"base", "app"},
}
STANDARD = set("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
               "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype pthread unistd "
               "sys/types".split())
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def adapter_of(parts):
    """Name of the adapter in a path behind adapter/: a folder, or a header NAME.h or NAME_more.h."""
    return Path(parts[0]).stem


def same_adapter(own, other):
    return own == other or own.startswith(other + "_") or other.startswith(own + "_")


def judge(parts, public, path, quote, target):
    """What is wrong with one include of a file whose path behind src/ or include/hotlead/ is `parts`; None if nothing."""
    room = parts[0]
    if target.startswith("hotlead/"):
        to = target.split("/")[1:]
        if to[0] not in ROOMS.get(room, set()):
            return f"{room} may not include {target}"
        if room == "adapter" and to[0] == "adapter" and not same_adapter(adapter_of(parts[1:]), adapter_of(to[1:])):
            return f"adapter {adapter_of(parts[1:])} may not include {target}"
    elif public:
        if quote == '"' or target.removesuffix(".h") not in STANDARD:
            return f"a public header may not show {target}"
    elif quote == '"' and (".." in target or not (path.parent / target).is_file()):
        return f"{target} is no file of this folder"
    return None


def check(root):
    findings = []
    for base, public in (("src", False), ("include/hotlead", True)):
        for path in c_files(root, base):
            text = blank(read(path), keep_strings=True)
            parts = path.relative_to(root / base).parts
            for number, line in enumerate(text.split("\n"), 1):
                match = INCLUDE.match(line)
                wrong = match and judge(parts, public, path, *match.groups())
                if wrong:
                    findings.append(f"{path.relative_to(root)}:{number}: {wrong}")
    return findings


BAD = {
    "src/base/a.c": '#include "hotlead/base/a.h"\n#include "hotlead/core/a.h"\n/* #include "hotlead/app/x.h" */\n',
    "src/core/a.c": '#include <hotlead/port/a.h>\n#include "own.h"\n#include <curl/curl.h>\n',
    "src/core/own.h": "",
    "src/adapter/kafka/a.c": '#include "hotlead/adapter/kafka.h"\n#include "hotlead/adapter/redis.h"\n#include "hotlead/app/a.h"\n'
                             '#include "../redis/b.h"\n#include <librdkafka/rdkafka.h>\n',
    "src/app/a.c": '#include "hotlead/adapter/redis.h"\n',
    "src/main.c": '#include "hotlead/app/a.h"\n#include "hotlead/core/a.h"\n',
    "include/hotlead/adapter/kafka.h": '#include <stdint.h>\n#include <librdkafka/rdkafka.h>\n',
    "include/hotlead/adapter/kafka/more.h": '#include "hotlead/adapter/kafka.h"\n',
}
EXPECTED = ["src/base/a.c:2:", "src/core/a.c:1:", "src/adapter/kafka/a.c:2:", "src/adapter/kafka/a.c:3:", "src/adapter/kafka/a.c:4:",
            "src/main.c:2:", "include/hotlead/adapter/kafka.h:2:"]

if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test(check, BAD, EXPECTED)
    report(check(Path(sys.argv[1])))
