#!/usr/bin/env python3
"""Write man pages and bash completions from what the programs themselves say: `hotlead help`, config/CONFIGURATION.md, which it prints, too, and
`hotlead-load --help`.

    manual.py HOTLEAD HOTLEAD-LOAD OUT      OUT/man1/*.1, OUT/man5/hotlead.yaml.5, OUT/hotlead.bash, OUT/hotlead-load.bash
"""
import dataclasses
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OPTION = re.compile(r"^(?:  (-\w), |      )(--[\w-]+)(?: ([A-Z=]+)(?=  ))? +(.*)$")


@dataclasses.dataclass
class Option:
    short: str
    long: str
    argument: str   # "": takes none
    text: str
    values: list    # of the argument, where the usage lists them

    @property
    def names(self):
        return [n for n in (self.short, self.long) if n]


@dataclasses.dataclass
class Command:
    name: str
    summary: str
    usage: list     # lines
    before: list    # paragraphs before the options, and after them
    options: list
    after: list


def said(hotlead, *words):
    done = subprocess.run([hotlead, "help", *words], capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise SystemExit(f"hotlead help {' '.join(words)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def values_of(option, usage):
    """What may be given: `[-o table|json]` of the usage, or `table (default) or json`, `file (default): ...; time: ...` of the text."""
    found = re.search(rf"(?:{'|'.join(map(re.escape, option.names))}) ([a-z0-9]+(?:\|[a-z0-9]+)+)", " ".join(usage))
    if found:
        return found[1].split("|")
    found = re.match(r"([a-z]+) \(default\)(?:,? or ([a-z]+)\b|:.*; ([a-z]+):)", option.text)
    return [w for w in found.groups() if w] if found else []


def read_options(lines):
    options, rest = [], []
    for line in lines:
        found = OPTION.match(line)
        if found:
            options.append(Option(found[1] or "", found[2], found[3] or "", found[4], []))
        elif options and line.startswith("      ") and not rest:
            options[-1].text += " " + line.strip()
        else:
            rest.append(line)
    return options, rest


def paragraphs(lines):
    return [p for p in "\n".join(lines).strip("\n").split("\n\n") if p]


def read_command(hotlead, name, summary):
    lines = said(hotlead, name).splitlines()
    end = next((i for i, line in enumerate(lines) if not line), len(lines))
    usage = [re.sub(r"^(?:[Uu]sage: | +)", "", line) for line in lines[:end]]
    first = next(i for i, line in enumerate(lines) if OPTION.match(line))
    options, rest = read_options(lines[first:])
    for o in options:
        o.values = values_of(o, usage)
    return Command(name, summary, usage, paragraphs(lines[end:first]), options, paragraphs(rest))


def read_commands(hotlead):
    listed = re.findall(r"^  (\w+) +(.+)$", said(hotlead).split("Commands:")[1].split("\n\n")[0], re.M)
    return [read_command(hotlead, name, summary) for name, summary in listed if name != "help"]


# ---------------------------------------------------------------- man pages

def roff(text):
    """Plain text for roff: backslashes, dashes of options, dots and quotes that begin a line."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return "\n".join(r"\&" + line if line.startswith((".", r"\(aq")) else line for line in text.split("\n"))


def bold(text):
    return rf"\fB{roff(text)}\fR"


def option_lines(o):
    argument = rf" \fI{o.argument}\fR" if o.argument else ""
    return [".TP", ", ".join(bold(n) + argument for n in o.names), roff(o.text)]


def paragraph_lines(p):
    return [".PP", ".nf", roff(p), ".fi"] if p.startswith(" ") else [".PP", roff(re.sub(r"\s*\n\s*", " ", p))]


def title(name, section, version):
    return [f'.TH {name.upper()} {section} "" "hotlead {version}" "hotlead"', ".nh"]


def command_page(c, version):
    lines = title(f"hotlead-{c.name}", 1, version) + [".SH NAME", roff(f"hotlead-{c.name}") + r" \- " + roff(c.summary), ".SH SYNOPSIS"]
    for line in c.usage:
        lines += [bold(f"hotlead {c.name}") + roff(line[len(f"hotlead {c.name}"):]), ".br"]
    lines += [".SH DESCRIPTION"] + [x for p in c.before or [c.summary[0].upper() + c.summary[1:] + "."] for x in paragraph_lines(p)]
    lines += [".SH OPTIONS"] + [x for o in c.options for x in option_lines(o)]
    if c.after:
        lines += [".SH NOTES"] + [x for p in c.after for x in paragraph_lines(p)]
    return lines + see_also(["hotlead(1)", "hotlead.yaml(5)"])


def see_also(pages):
    return [".SH SEE ALSO", ", ".join(rf"\fB{roff(p[:-3])}\fR{p[-3:]}" for p in pages)]


def main_page(commands, version):
    lines = title("hotlead", 1, version) + [
        ".SH NAME", r"hotlead \- scores leads on event streams",
        ".SH SYNOPSIS", bold("hotlead") + r" \fICOMMAND\fR [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        "Reads what people do on a web site and with e\\-mails from Kafka, keeps a score for each contact, and writes to Kafka",
        "the moment a contact changes its lifecycle stage.",
        "A copy of the state is kept in Redis.", ".SH COMMANDS"]
    for c in commands:
        lines += [".TP", rf"\fBhotlead\-{c.name}\fR(1)", roff(c.summary)]
    lines += [".SH FILES", ".TP", r"\fI/etc/hotlead/hotlead.yaml\fR", "the configuration of the service; see", r"\fBhotlead.yaml\fR(5)",
              ".TP", r"\fI/etc/hotlead/model.yaml\fR", "the scoring model",
              ".TP", r"\fI/etc/default/hotlead\fR", "environment variables of the service, read if it is there",
              ".TP", r"\fI/usr/share/hotlead/schemas\fR", "Avro schemas of the records",
              ".SH EXIT STATUS", "0 for success; others as in sysexits.h: 64 wrong use, 65 bad data, 69 a server cannot be reached,",
              "70 a bug of the program, 75 try again, 77 not permitted, 78 wrong configuration."]
    return lines + see_also([f"hotlead-{c.name}(1)" for c in commands] + ["hotlead-load(1)", "hotlead.yaml(5)"])


def load_page(text, version):
    """hotlead-load, whose options stand under several headings."""
    blocks = text.strip().split("\n\n")
    lines = title("hotlead-load", 1, version) + [
        ".SH NAME", r"hotlead-load \- sends made\-up events to hotlead at a set rate and measures its latency",
        ".SH SYNOPSIS", bold("hotlead-load") + r" [\fIOPTIONS\fR]", ".SH DESCRIPTION"]
    in_options = False
    for block in blocks[1:]:
        heading, *rest = block.split("\n")
        options = read_options(rest)[0] if heading.endswith(":") else []
        if options:
            lines += [] if in_options else [".SH OPTIONS"]
            lines += [".SS " + roff(heading[:-1])] + [x for o in options for x in option_lines(o)]
            in_options = True
        elif heading.endswith(":"):
            lines += [".SH " + roff(heading[:-1].upper())] + paragraph_lines("\n".join(rest))
        else:
            lines += paragraph_lines(block)
    return lines + see_also(["hotlead(1)", "hotlead.yaml(5)"])


def load_completion(text):
    words = " ".join(n for o in read_options([l for l in text.splitlines() if OPTION.match(l)])[0] for n in o.names)
    return f'# bash completion for hotlead-load; made from `hotlead-load --help`\ncomplete -o default -W "{words}" hotlead-load\n'


def inline(text):
    """Markdown within a line."""
    parts = re.split(r"(`[^`]+`)", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text))
    return "".join(bold(p[1:-1]) if p.startswith("`") else roff(p) for p in parts)


def table_lines(row):
    """A row of a table: the first cell is a key, the rest says what it is."""
    cells = [c.strip() for c in row.strip().strip("|").split(" | ")]
    cells = [c for c in cells if c]
    if len(cells) < 5:
        return [".TP", inline(cells[0]), inline(": ".join(cells[1:]))]
    key, value, default, what, variable = cells
    return [".TP", inline(key), inline(f"{what} ({value}; default {default})"), ".br", inline(f"Variable: {variable}")]


def configuration_page(version):
    lines = title("hotlead.yaml", 5, version) + [".SH NAME", r"hotlead.yaml \- configuration of hotlead", ".SH DESCRIPTION"]
    text = (ROOT / "config/CONFIGURATION.md").read_text().split("\n", 1)[1]
    for block in re.split(r"\n\n+", text.strip()):
        if block.startswith("## "):
            lines.append(".SH " + roff(block[3:].upper()))
        elif block.startswith("|"):
            for row in block.split("\n")[2:]:
                lines += table_lines(row)
        elif block.startswith("- "):
            for item in re.split(r"\n(?=- )", block):
                lines += [".IP \\(bu 2", inline(re.sub(r"\s*\n\s*", " ", item[2:]))]
        else:
            lines += [".PP", inline(block.replace("\n", " "))]
    return lines + see_also(["hotlead(1)"])


# ---------------------------------------------------------------- completion

COMPLETION = r"""# bash completion for hotlead; made from `hotlead help`
_hotlead()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words="" kind=options
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        kind=words words="@commands@ help --help --version"
    else
        case "${COMP_WORDS[1]} $prev" in
@values@
        esac
        case "$kind ${COMP_WORDS[1]}" in
@options@
        "options help") kind=words words="@commands@" ;;
        esac
    fi
    case $kind$cur in
        words*|options-*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
        file*|options*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
}
complete -F _hotlead hotlead
"""


def completion(commands):
    values, options = [], []
    for c in commands:
        options.append(f'        "options {c.name}") words="{" ".join(n for o in c.options for n in o.names)}" ;;')
        for o in c.options:
            if not o.argument and not o.values:
                continue
            words = f'kind=words words="{" ".join(o.values)}"' if o.values else "kind=file" if o.argument == "FILE" else "kind=none"
            values.append(f"        {'|'.join(f'{chr(34)}{c.name} {n}{chr(34)}' for n in o.names)}) {words} ;;")
    return (COMPLETION.replace("@commands@", " ".join(c.name for c in commands)).replace("@values@", "\n".join(values))
            .replace("@options@", "\n".join(options)))


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    hotlead, load, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    commands = read_commands(hotlead)
    version = subprocess.run([hotlead, "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    pages = {"man1/hotlead.1": main_page(commands, version), "man5/hotlead.yaml.5": configuration_page(version)}
    pages |= {f"man1/hotlead-{c.name}.1": command_page(c, version) for c in commands}
    load_help = subprocess.run([load, "--help"], capture_output=True, text=True, check=True).stdout
    pages["man1/hotlead-load.1"] = load_page(load_help, version)
    for name, lines in pages.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / "hotlead.bash").write_text(completion(commands), encoding="utf-8")
    (out / "hotlead-load.bash").write_text(load_completion(load_help), encoding="utf-8")


if __name__ == "__main__":
    main()
