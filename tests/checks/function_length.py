#!/usr/bin/env python3
"""No function in src/ is longer than 80 lines, counted from its opening to its closing brace."""
import re
import sys
from pathlib import Path

from source import blank, c_files, line_of, read, report, self_test

LIMIT = 80
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)


def functions(text):
    """(position of the name, first line, last line) of each function body: a brace at file level that follows a parenthesis."""
    text = DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), blank(text))
    depth = start = 0
    for match in re.finditer(r"[{}]", text):
        at = match.start()
        if match.group() == "{":
            if depth == 0:
                start = at
            depth += 1
        elif depth:
            depth -= 1
            before = text[:start].rstrip()
            if depth == 0 and before.endswith(")"):
                head = re.split(r"[;}]", before)[-1]
                name = re.search(r"(\w+)\s*\(", head)
                yield name.group(1) if name else "?", line_of(text, start), line_of(text, at)


def check(root):
    findings = []
    for path in c_files(root, "src"):
        for name, first, last in functions(read(path)):
            if last - first + 1 > LIMIT:
                findings.append(f"{path.relative_to(root)}:{first}: {name} has {last - first + 1} lines, at most {LIMIT} are allowed")
    return findings


BODY = "    x();\n"
BAD = {
    "src/core/a.c": "static const int table[] = {\n" + "    1,\n" * 100 + "};\n"
                    "#define M(x) { \\\n    x \\\n" + "\n"
                    "int fits(void)\n{\n" + BODY * 78 + "}\n"
                    "int too_long(void)\n{\n" + BODY * 38 + '    puts("}"); /* } */\n    if (1) {\n    }\n' + BODY * 38 + "}\n",
}
EXPECTED = ["src/core/a.c:188: too_long has 81 lines"]

if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test(check, BAD, EXPECTED)
    report(check(Path(sys.argv[1])))
