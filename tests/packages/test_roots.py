"""The package and the image where nothing else is: built and installed in fresh Debian 12 and 13, and run there against a real broker.

Long (a quarter of an hour), as root, with debootstrap and buildah: `tests/run.sh --packages`. There is no systemd in a chroot: its unit is verified
there, and what it would start is started by hand, as its user, with its socket."""
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile
import time
import unittest
import urllib.request

import gen_events
import harness
import servers
from roots import ROOTS, Root, run

ROOT = harness.ROOT
# What a library of the release is called: a package of the one does not install in the other.
LIBRARIES = {"bookworm": "libhiredis0.14", "trixie": "libhiredis1.1.0"}
INPUTS = ("web.engagement", "email.engagement", "crm.activity", "contact.profile")


@functools.cache
def built(release):
    """The package, built in a root of that release; kept as build/roots/RELEASE/hotlead_*.deb."""
    root = Root(release, "build")
    root.put_tree()
    root.run("""
        cd /src; . config/packages.sh
        install_packages $BUILD_PACKAGES $PACKAGE_PACKAGES
        cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DHL_PACKAGE=ON -DHL_TRAINED=ON -DHL_TESTS=OFF -DHL_PERF=OFF
        cmake --build /build; cd /build; cpack -G DEB""")
    out = ROOTS / f"{release}-deb"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    shutil.copy(next((root.path / "build").glob("*.deb")), out)
    root.remove()
    return next(out.glob("*.deb"))


def broker():
    """The topics of the default configuration, on the broker of this run."""
    kafka = harness.kafka()
    have = set(harness.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "x", "log_level": 0}).list_topics(timeout=20).topics)
    if INPUTS[0] not in have:
        kafka.create_topics(*INPUTS, partitions=4)
    return kafka


def environment(name, port):
    """Variables, as /etc/default/hotlead would hold them."""
    return {"HOTLEAD_KAFKA__BOOTSTRAP_SERVERS": broker().bootstrap, "HOTLEAD_KAFKA__GROUP_ID": f"hotlead-{name}", "HOTLEAD_KAFKA__INSTANCE": "one",
            "HOTLEAD_KAFKA__REPLICATION_FACTOR": "1", "HOTLEAD_REDIS__URL": harness.redis().url, "HOTLEAD_HTTP__LISTEN": f"127.0.0.1:{port}",
            "HOTLEAD_OUTPUTS__TRANSITIONS": f"{name}.transitions", "HOTLEAD_OUTPUTS__STATE": f"{name}.state", "HOTLEAD_THREADS": "1"}


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as r:
            return r.status == 200
    except OSError:
        return False


def score_something(contact, name):
    """An event in, its transition out."""
    event = {"event_id": f"{contact}-1", "contact_id": contact, "occurred_at": int(time.time() * 1000), "type": "form_submitted", "form": "newsletter"}
    gen_events.produce(broker().bootstrap, [("crm.activity", contact, json.dumps(event).encode())])
    servers.wait_for("a transition", lambda: any(m.key() == contact.encode() for m in harness.read_all(f"{name}.transitions")), 60, every=0.5)


def below(pid):
    """The processes that a process has started, and those that they have."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from below(child)


def command_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()


class Package:
    """Tests of a release; the subclasses name it."""
    release = None

    @classmethod
    def setUpClass(cls):
        cls.deb = built(cls.release)
        cls.root = Root(cls.release, "run")
        cls.addClassCleanup(cls.root.remove)
        shutil.copy(cls.deb, cls.root.path / "hotlead.deb")
        cls.root.run("apt-get -qq update; apt-get -qq install -y --no-install-recommends /hotlead.deb util-linux")

    def test_it_depends_on_the_libraries_of_its_release(self):
        depends = run("dpkg-deb", "-f", self.deb, "Depends").stdout
        others = set(LIBRARIES.values()) - {LIBRARIES[self.release]}
        self.assertRegex(depends, rf"\b{re.escape(LIBRARIES[self.release])}\b")
        for other in others:
            self.assertNotIn(other, depends)

    def test_the_program_the_user_and_the_configuration_are_there(self):
        said = self.root.run("hotlead version; getent passwd hotlead; stat -c '%A %U %G' /etc/hotlead; test -r /usr/share/man/man1/hotlead.1.gz").stdout
        self.assertRegex(said, r"^hotlead \d+\.\d+\.\d+ \(librdkafka 2\.\d+\.\d+, jemalloc 5\.\d+\.\d+\)\nhotlead:x:\d+:\d+:.*:/usr/sbin/nologin\ndrwxr-x--- root hotlead\n$")
        self.root.run("setpriv --reuid=hotlead --regid=hotlead --clear-groups hotlead check --strict -c /etc/hotlead/hotlead.yaml")
        self.assertIn("/etc/hotlead/hotlead.yaml: ok", self.root.run("cd /; hotlead check").stdout)   # without a name, where no config/ is

    def test_the_demo_runs_without_the_sources(self):
        said = self.root.run("apt-get -qq install -y --no-install-recommends redis-server >/dev/null; cd /; hotlead demo --seconds 3 --listen off -o json").stdout
        self.assertGreater(json.loads(said)["events"]["consumed"], 0)

    def test_systemd_of_the_release_takes_the_unit(self):
        said = self.root.run("systemd-analyze verify /usr/lib/systemd/system/hotlead.service", ok=(0, 1))
        lines = [x for x in said.stderr.splitlines() if "hotlead" in x and "'man " not in x]   # there is no man in here to look for the pages
        self.assertEqual(lines, [])

    def test_what_the_unit_starts_comes_up_scores_and_ends(self):
        unit = (self.root.path / "usr/lib/systemd/system/hotlead.service").read_text()
        start, user = (re.search(rf"^{key}=(.+)$", unit, re.M)[1] for key in ("ExecStart", "User"))
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)   # in the abstract namespace: it belongs to the network, which the root shares
        self.addCleanup(manager.close)
        manager.bind(f"\0hotlead-{self.release}-{os.getpid()}")
        manager.settimeout(60)
        port = servers.free_port()
        env = {**os.environ, **environment(self.release, port), "NOTIFY_SOCKET": f"@hotlead-{self.release}-{os.getpid()}", "WATCHDOG_USEC": "60000000"}
        with tempfile.TemporaryFile() as log:
            child = servers.spawn(self.root.command(f"exec setpriv --reuid={user} --regid={user} --clear-groups {start}"), stdout=log, stderr=log, env=env)
            said = set()
            while not {"READY=1", "STATUS=scoring", "WATCHDOG=1"} <= said:
                said.add(manager.recv(4096).decode())
            score_something(f"in-{self.release}", self.release)
            self.assertEqual(servers.stop(child, 30), 0)
            log.seek(0)
            self.assertIn(b"event=stopped", log.read())

    def test_z_an_upgrade_keeps_what_was_changed_and_a_purge_leaves_nothing_but_the_user(self):
        changed = "echo '# mine' >> /etc/hotlead/hotlead.yaml; chmod 700 /etc/hotlead"
        self.root.run(f"{changed}; apt-get -qq install -y --reinstall --no-install-recommends /hotlead.deb; tail -n 1 /etc/hotlead/hotlead.yaml | grep -q mine; "
                      "test $(stat -c %a /etc/hotlead) = 700")
        self.root.run("dpkg --remove hotlead; test -e /etc/hotlead/hotlead.yaml; dpkg --purge hotlead; getent passwd hotlead")
        left = self.root.run("find / -xdev -name '*hotlead*' -not -path '/proc/*' -not -path '/hotlead.deb' -not -path '/var/cache/*' -not -path '/var/log/*'").stdout
        self.assertEqual(left, "")


class Debian12(Package, unittest.TestCase):
    release = "bookworm"


class Debian13(Package, unittest.TestCase):
    release = "trixie"


class Image(unittest.TestCase):
    """The Dockerfile, by buildah, on a base that is the same minimal Debian; a registry is not asked."""

    @classmethod
    def setUpClass(cls):
        cls.store = ROOTS / "storage"
        cls.remove()
        cls.addClassCleanup(cls.remove)
        base = Root("trixie", "base")
        cls.addClassCleanup(base.remove)
        (base.path / "usr/sbin/policy-rc.d").unlink()
        run("tar", "-C", base.path, "-cf", ROOTS / "base.tar", ".")
        box = cls.buildah("from", "scratch").stdout.strip()
        cls.buildah("add", "-q", box, ROOTS / "base.tar", "/")
        cls.buildah("commit", "-q", box, "docker.io/library/debian:trixie-slim")
        cls.buildah("rm", box)
        (ROOTS / "base.tar").unlink()
        cls.buildah("bud", "--pull-never", "--layers=false", "-t", "hotlead", ROOT)
        cls.box = cls.buildah("from", "--pull-never", "localhost/hotlead").stdout.strip()

    @classmethod
    def remove(cls):
        if cls.store.exists():   # what a run that was cut off has left, too
            cls.buildah("rm", "--all")
        for folder in (cls.store, f"{cls.store}-run"):
            shutil.rmtree(folder, ignore_errors=True)

    @classmethod
    def words(cls, *words):
        return ["buildah", "--storage-driver", "vfs", "--root", str(cls.store), "--runroot", f"{cls.store}-run", *map(str, words)]

    @classmethod
    def env(cls):
        return {**os.environ, "BUILDAH_ISOLATION": "chroot"}

    @classmethod
    def buildah(cls, *words, ok=(0,)):
        return run(*cls.words(*words), env=cls.env(), ok=ok)

    def test_its_configuration_is_what_kubernetes_is_told(self):
        config = json.loads(self.buildah("inspect", "--type", "image", "localhost/hotlead").stdout)["OCIv1"]["config"]
        self.assertEqual((config["User"], config["Entrypoint"], list(config["ExposedPorts"])), ("65532:65532", ["/usr/bin/hotlead"], ["8080/tcp"]))
        manifest = (ROOT / "k8s/base/statefulset.yaml").read_text()
        self.assertIn("runAsUser: 65532", manifest)
        self.assertIn("args: [" + ", ".join(config["Cmd"]) + "]", manifest)

    def test_it_has_no_rights_and_reads_its_files(self):
        said = self.buildah("run", self.box, "--", "sh", "-c", "id -u; grep CapEff /proc/self/status; hotlead check --strict -c /etc/hotlead/hotlead.yaml; touch /x || true")
        lines = said.stdout.splitlines()
        self.assertEqual(lines[:2], ["65532", "CapEff:\t0000000000000000"])
        self.assertIn("/etc/hotlead/hotlead.yaml: ok", said.stdout)
        self.assertIn("Permission denied", said.stderr)

    def test_it_scores(self):
        port = servers.free_port()
        variables = [x for k, v in environment("image", port).items() for x in ("--env", f"{k}={v}")]
        with tempfile.TemporaryFile() as log:
            alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]   # buildah that is killed would leave hotlead behind
            child = servers.spawn(alone + self.words("run", *variables, self.box, "--", "/usr/bin/hotlead", "run", "-c", "/etc/hotlead/hotlead.yaml"), stdout=log, stderr=log, env=self.env())
            self.addCleanup(servers.stop, child, 0)
            servers.wait_for("/readyz of the image", lambda: is_ready(port), 60, every=0.3)
            score_something("in-image", "image")
            os.kill(next(p for p in below(child.pid) if command_of(p) == "/usr/bin/hotlead"), signal.SIGTERM)   # buildah would answer it with SIGKILL
            self.assertEqual(child.wait(30), 0)
            self.assertFalse(servers.port_open(port), "hotlead runs on")
            log.seek(0)
            self.assertIn(b"event=stopped", log.read())


if __name__ == "__main__":
    unittest.main()
