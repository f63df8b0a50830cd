"""The Debian package as it is built here: what is in it, what lintian and systemd say of it, man pages and completion against the commands.

That it installs and runs in fresh Debian 12 and 13 is shown by tests/packages."""
import email.parser
import functools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "package"

# What lintian says below a warning, and why it stays.
KNOWN_TAGS = {
    "binary-has-unneeded-section": "the compiler's version, 50 bytes: CPack strips by `strip` alone",
    "package-supports-alternative-init-but-no-init.d-script": "systemd-sysusers may stand alone, for containers; the service is for systemd",
}


def run(*words, ok=(0,), **kw):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=600, **kw)
    if done.returncode not in ok:
        raise AssertionError(f"{words}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


@functools.cache
def package():
    """Build it; its path."""
    run("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_INSTALL_PREFIX=/usr", "-DHL_PACKAGE=ON", "-DHL_TESTS=OFF",
        "-DHL_PERF=OFF")
    run("cmake", "--build", BUILD)
    for old in BUILD.glob("*.deb"):
        old.unlink()
    run("cpack", "-G", "DEB", cwd=BUILD)
    return next(BUILD.glob("*.deb"))


@functools.cache
def unpacked():
    folder = tempfile.TemporaryDirectory(prefix="hotlead-deb-")
    run("dpkg-deb", "-R", package(), folder.name)
    return folder   # lives as long as the cache


def tree():
    return pathlib.Path(unpacked().name)


def commands():
    return re.findall(r"^ +X\((\w+), ", (ROOT / "include/hotlead/app/commands.h").read_text(), re.M)


def option_table(command):
    """{long name: (short letter or "", takes an argument)} of the command's getopt table."""
    text = (ROOT / f"src/app/cmd_{command}.c").read_text()
    rows = re.findall(r'\{"([\w-]+)", (no|required)_argument, NULL, ([\w\']+)\}', text)
    return {name: (short.strip("'") if short.startswith("'") else "", kind == "required") for name, kind, short in rows}


class Contents(unittest.TestCase):
    def test_everything_is_in_its_place(self):
        listed = {str(p.relative_to(tree())) for p in tree().rglob("*") if p.is_file()}
        wanted = {"usr/bin/hotlead", "usr/bin/hotlead-load", "usr/share/man/man1/hotlead-load.1.gz", "usr/share/bash-completion/completions/hotlead-load",
                  "usr/lib/systemd/system/hotlead.service", "usr/lib/sysusers.d/hotlead.conf", "etc/hotlead/hotlead.yaml",
                  "etc/hotlead/model.yaml", "usr/share/bash-completion/completions/hotlead", "usr/share/man/man1/hotlead.1.gz",
                  "usr/share/man/man5/hotlead.yaml.5.gz", "usr/share/doc/hotlead/copyright", "usr/share/doc/hotlead/changelog.gz",
                  "usr/share/doc/hotlead/RUNBOOK.md.gz", "usr/share/doc/hotlead/monitoring/hotlead.rules.yaml",
                  "usr/share/hotlead/schemas/ids.yaml", "usr/share/hotlead/schemas/event.avsc", "usr/share/doc/hotlead/examples/b2b-saas.yaml"}
        wanted |= {f"usr/share/man/man1/hotlead-{c}.1.gz" for c in commands()}
        self.assertEqual(wanted - listed, set())
        self.assertEqual({p.split("/")[0] for p in listed}, {"usr", "etc", "DEBIAN"})
        for line in run("dpkg-deb", "-c", package()).stdout.splitlines():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            self.assertRegex(mode, r"^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--)$", line)

    def test_it_depends_on_the_libraries_of_this_release(self):
        control = email.parser.Parser().parsestr((tree() / "DEBIAN/control").read_text())
        depends = {re.split(r"[ (]", d.strip())[0] for d in control["Depends"].split(",")}
        needed = re.findall(r"NEEDED +(\S+)", run("objdump", "-p", tree() / "usr/bin/hotlead").stdout)
        for name in needed:
            path = re.search(rf"{re.escape(name)} => (\S+)", run("ldd", tree() / "usr/bin/hotlead").stdout)[1]
            found = run("sh", "-c", f"dpkg -S {path} 2>/dev/null || dpkg -S {os.path.realpath(path)} 2>/dev/null || dpkg -S /usr{path}").stdout
            self.assertIn(found.split(":")[0], depends, name)
        self.assertGreaterEqual(len(needed), 8)
        version = re.search(r"project\(hotlead VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual((control["Version"], control["Package"]), (version, "hotlead"))
        self.assertEqual((tree() / "DEBIAN/conffiles").read_text().split(), ["/etc/hotlead/hotlead.yaml", "/etc/hotlead/model.yaml"])

    def test_lintian_has_nothing_to_say_but_what_is_known(self):
        said = run("lintian", "--allow-root", "--pedantic", "-I", "-E", package(), ok=(0, 1, 2)).stdout
        tags = [re.match(r"(\w): hotlead: (\S+)", line).groups() for line in said.splitlines() if re.match(r"\w: ", line)]
        self.assertEqual([t for t in tags if t[0] in "EW" or t[1] not in KNOWN_TAGS], [], said)

    def test_the_installed_configuration_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("hotlead.yaml", "model.yaml"):
                text = (tree() / "etc/hotlead" / name).read_text()
                self.assertNotIn("../", text)
                self.assertNotIn(" config/", text)
                for path in re.findall(r"(?<![\w.])/(?:usr|etc)/[\w./-]*\w", text):
                    self.assertTrue((tree() / path[1:]).exists(), path)
                (pathlib.Path(folder) / name).write_text(text.replace("/usr/share", str(tree() / "usr/share")))
            run(tree() / "usr/bin/hotlead", "check", "--strict", "-c", f"{folder}/hotlead.yaml")


class Service(unittest.TestCase):
    def unit(self):
        return (tree() / "usr/lib/systemd/system/hotlead.service").read_text()

    def test_systemd_finds_nothing_wrong_with_the_unit(self):
        with tempfile.TemporaryDirectory() as folder:
            text = self.unit().replace("/usr/bin/hotlead", str(tree() / "usr/bin/hotlead"))
            path = pathlib.Path(folder) / "hotlead.service"
            path.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))   # its man pages are not installed here
            said = run("systemd-analyze", "verify", path)
            self.assertEqual([x for x in said.stderr.splitlines() if "hotlead" in x], [])
            path.write_text(path.read_text().replace("WatchdogSec=60", "WatchdogSecs=60"))
            self.assertIn("WatchdogSecs", run("systemd-analyze", "verify", path, ok=range(256)).stderr)

    def test_it_is_exposed_to_little(self):
        said = run("systemd-analyze", "security", "--offline=yes", "--no-pager", ROOT / "packaging/hotlead.service", ok=range(256)).stdout
        exposure = float(re.search(r"Overall exposure level for hotlead.service: ([\d.]+)", said)[1])
        print(f"    exposure {exposure}")
        self.assertLessEqual(exposure, 1.5)

    def test_it_starts_what_is_installed_as_the_user_that_is_made(self):
        start = re.search(r"^ExecStart=(\S+) (\w+) --config (\S+)$", self.unit(), re.M)
        self.assertTrue((tree() / start[1][1:]).exists() and (tree() / start[3][1:]).exists())
        self.assertIn(start[2], commands())
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "etc").mkdir()
            run("systemd-sysusers", f"--root={folder}", tree() / "usr/lib/sysusers.d/hotlead.conf")
            entry = (pathlib.Path(folder) / "etc/passwd").read_text()
            self.assertRegex(entry, r"(?m)^hotlead:x:\d+:\d+:[^:]*:/nonexistent:/usr/sbin/nologin$")
        self.assertRegex(self.unit(), r"(?m)^User=hotlead$")

    def test_its_times_are_those_of_the_program(self):
        default = lambda key: int(re.search(rf"`{key}` \| duration \| `(\d+)s`", (ROOT / "config/CONFIGURATION.md").read_text())[1])
        value = lambda key: int(re.search(rf"^{key}=(\d+)$", self.unit(), re.M)[1])
        self.assertGreater(value("WatchdogSec"), default("http.hung_after"))
        self.assertGreater(value("TimeoutStartSec"), default("kafka.startup_timeout") + 30)


class Manual(unittest.TestCase):
    """Made from `hotlead help`; the tables of getopt are what the program obeys."""

    def page(self, name):
        return run("gzip", "-dc", tree() / f"usr/share/man/{name}.gz").stdout

    def test_every_option_of_every_command_is_in_its_page_and_no_other(self):
        for command in commands():
            table = option_table(command)
            self.assertIn("help", table, command)
            shown = {}
            for line in re.findall(r"^\.TP\n(\\fB\\-.*)$", self.page(f"man1/hotlead-{command}.1"), re.M):
                words = line.replace("\\-", "-")
                long = re.search(r"--([\w-]+)", words)[1]
                short = re.search(r"\\fB-(\w)\\fR", words)
                shown[long] = (short[1] if short else "", r"\fI" in words)
            self.assertEqual(shown, table, command)

    def test_every_option_of_hotlead_load_is_in_its_page_and_completed(self):
        table = re.findall(r'^    X\((?:NULL|"[^"]*"), "([\w-]+)", ', (ROOT / "perf/load/options.c").read_text(), re.M)
        self.assertGreater(len(table), 30)
        shown = [re.search(r"--([\w-]+)", line.replace("\\-", "-"))[1] for line in re.findall(r"^\.TP\n(\\fB.*)$", self.page("man1/hotlead-load.1"), re.M)]
        self.assertEqual(shown, table)
        completion = (tree() / "usr/share/bash-completion/completions/hotlead-load").read_text()
        self.assertEqual(set(re.findall(r"--([\w-]+)", completion)) - {"help"}, set(table) - {"help"})

    def test_every_configuration_key_is_in_its_page(self):
        text = self.page("man5/hotlead.yaml.5").replace("\\-", "-")
        for key in re.findall(r"^\| `([\w.]+)` \|", (ROOT / "config/CONFIGURATION.md").read_text(), re.M):
            self.assertIn(f"\\fB{key}\\fR", text)

    def complete(self, *words):
        script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hotlead; printf "%s\\n" "${COMPREPLY[@]}"'
        done = run("bash", "-c", script, "bash", tree() / "usr/share/bash-completion/completions/hotlead", *words, cwd=ROOT)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_completion_knows_commands_options_and_values(self):
        self.assertEqual(self.complete("hotlead", "") - {"help", "--help", "--version"}, set(commands()))
        self.assertEqual(self.complete("hotlead", "help", ""), set(commands()))
        for command in commands():
            table = option_table(command)
            names = {f"--{long}" for long in table} | {f"-{short}" for short, _ in table.values() if short}
            self.assertEqual(self.complete("hotlead", command, "-"), names, command)
            if "output" in table and command != "describe":
                self.assertIn("json", self.complete("hotlead", command, "-o", ""), command)
                self.assertEqual(self.complete("hotlead", command, "--output", "js"), {"json"}, command)
        self.assertIn("config/model.yaml", self.complete("hotlead", "check", "--model", "config/mo"))
        self.assertEqual(self.complete("hotlead", "describe", "-o", ""), {"markdown", "mermaid", "dot", "svg"})
        self.assertEqual(self.complete("hotlead", "simulate", "--arrival", ""), {"file", "time"})

    def test_the_values_that_are_offered_are_taken(self):
        """As far as that can be seen without a server: a wrong value is refused with 64."""
        for value in self.complete("hotlead", "describe", "-o", "") - {"svg"}:
            run(tree() / "usr/bin/hotlead", "describe", "-m", ROOT / "config/model.yaml", "-o", value)
        for value in self.complete("hotlead", "check", "-o", ""):
            run(tree() / "usr/bin/hotlead", "check", "-m", ROOT / "config/model.yaml", "-o", value)


if __name__ == "__main__":
    unittest.main()
