#!/usr/bin/env python3
"""Fresh minimal Debian systems in folders, by debootstrap; as root.

    roots.py RELEASE COMMAND   copy the tree into one, run the command there, and keep what it leaves in build/results

Roots are kept in build/roots/*.tar; remove them for new ones. There is no systemd in a root, and the network is that of the machine."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
ROOTS = TREE / "build" / "roots"
RELEASES = ("bookworm", "trixie")   # Debian 12 and 13


def run(*words, ok=(0,), seconds=1200, **kw):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=seconds, **kw)
    if done.returncode not in ok:
        raise AssertionError(f"{words}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def mirror():
    """HL_DEBIAN_MIRROR, or where this machine has its own packages from."""
    told = os.environ.get("HL_DEBIAN_MIRROR")
    if told:
        return told
    lines = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages").stdout.splitlines()
    return next(uri for uri, release in map(str.split, lines) if release in RELEASES or release in ("stable", "oldstable"))


class Root:
    """A fresh Debian in a folder of its own; /proc and /dev are there while something runs in it, in a mount namespace of its own."""

    def __init__(self, release, name):
        self.path = ROOTS / f"{release}-{name}"
        tar = ROOTS / f"{release}.tar"
        self.remove()
        self.path.mkdir(parents=True)
        if tar.exists():
            run("tar", "-C", self.path, "--strip-components=1", "-xpf", tar)
        else:
            run("debootstrap", "--variant=minbase", release, self.path, mirror())
            run("tar", "-C", ROOTS, f"--transform=s,^{self.path.name},{release},", "-cf", tar, self.path.name)
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        (self.path / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        (self.path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (self.path / "usr/sbin/policy-rc.d").chmod(0o755)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def trust_what_the_machine_trusts(self):
        """Authorities beyond those of Debian, of a proxy for one: taken up when ca-certificates is installed."""
        certificates = lambda text: set(re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", text, re.S))
        bundle, debian = pathlib.Path("/etc/ssl/certs/ca-certificates.crt"), pathlib.Path("/usr/share/ca-certificates").rglob("*.crt")
        own = certificates(bundle.read_text()) - set().union(*(certificates(f.read_text()) for f in debian)) if bundle.exists() else ()
        folder = self.path / "usr/local/share/ca-certificates"
        folder.mkdir(parents=True, exist_ok=True)
        for i, certificate in enumerate(sorted(own)):
            (folder / f"machine-{i}.crt").write_text(certificate)

    def put_tree(self):
        """The tree, without what was built in it, as /src."""
        (self.path / "src").mkdir()
        run("tar", "--exclude=./build", "--exclude=./.git", "-cf", self.path / "src.tar", ".", cwd=TREE)
        run("tar", "-C", self.path / "src", "--no-same-owner", "-xf", self.path / "src.tar")
        (self.path / "src.tar").unlink()

    def command(self, script, *namespaces):
        inner = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" sh -ec "$1"'
        return ["unshare", "--mount", *namespaces, "sh", "-ec", inner, str(self.path), script]

    def run(self, script, **kw):
        return run(*self.command(script), env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}, **kw)


def run_suite(release, command):
    """The status of a command in the tree in a fresh root; it says what it says here. Nothing that it started outlives it."""
    root = Root(release, "suite")
    try:
        root.put_tree()
        root.trust_what_the_machine_trusts()
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
               "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}   # pip of Debian 12 believes a list of its own
        env |= {k: v for k, v in os.environ.items() if k.startswith("HL_") or k.lower().endswith("_proxy")}
        status = subprocess.run(root.command(f"cd /src; {command}", "--pid", "--fork", "--kill-child"), env=env).returncode
        results = root.path / "src/build/results"
        if results.exists():
            shutil.copytree(results, TREE / "build/results", dirs_exist_ok=True)
        return status
    finally:
        root.remove()


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in RELEASES:
        sys.exit(f"{__doc__}\nReleases: {', '.join(RELEASES)}")
    if os.geteuid():
        sys.exit("a root of its own is made by debootstrap and chroot: this takes root")
    sys.exit(run_suite(*sys.argv[1:]))
