"""Real servers for the integration tests: one Kafka broker (KRaft), one redis-server, one stub of a schema registry.

Each is a context manager, listens on a free loopback port, keeps its files in a temporary folder and is ended by its own pid:
at the end of the block, at exit of Python, and by the kernel if Python itself is killed."""
import atexit
import ctypes
import http.server
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA_LIB = ROOT / "build" / "kafka" / "lib"
_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=60.0, every=0.05):
    """Poll until check() is true; the result. TimeoutError with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {seconds:.0f} s")
        time.sleep(every)


def port_open(port):
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def spawn(args, core_limit=0, **kw):
    """A child that dies with this process."""
    def prepare():
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if core_limit:
            resource.setrlimit(resource.RLIMIT_CORE, (core_limit, core_limit))

    child = subprocess.Popen(args, stdin=subprocess.DEVNULL, preexec_fn=prepare, **kw)
    atexit.register(stop, child, 0)
    return child


def stop(child, seconds=15):
    """SIGTERM, then SIGKILL after `seconds`; the exit status."""
    if child.poll() is None and seconds:
        child.terminate()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    if child.poll() is None:
        child.kill()
    return child.wait()


class Server:
    """What the servers share: a folder, a log, a child process."""
    name = "server"
    patience = 60   # seconds that a start may take

    def __init__(self):
        self.port = free_port()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"hotlead-{self.name}-"))
        atexit.register(shutil.rmtree, self.dir, True)
        self.child = None

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.child = spawn(self.command(), stdout=log, stderr=log, cwd=self.dir)
        wait_for(f"{self.name} on its port", lambda: self.child.poll() is not None or port_open(self.port), self.patience)
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended at once:\n" + self.log()[-2000:])
        return self

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def kill(self):
        """As a crash would: SIGKILL. start() brings it back with the same files and port."""
        stop(self.child, 0)

    def close(self):
        if self.child:
            stop(self.child)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Kafka(Server):
    """A single-node Apache Kafka. The jars are in build/kafka/lib, see tests/support/kafka/pom.xml.

    A second listener, `behind`, tells its clients to come to the port `proxied`, where a test may put a proxy (proxy.py)."""
    name = "kafka"
    lib = KAFKA_LIB    # of another version: a folder with its jars
    format_args = ()   # of the storage tool, beyond what every broker needs

    def __init__(self, heap_mb=768, lasting=False, **more):
        """lasting: worth the time of Java's second compiler, which is half of what a broker takes in a test. more: properties by name, with _ for
        the dots; None: as Kafka has it by itself."""
        super().__init__()
        self.heap_mb, self.lasting = heap_mb, lasting
        controller, self.behind, self.proxied = free_port(), free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.behind},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.proxied}",
            "controller.listener.names": "CONTROLLER", "log.dirs": self.dir / "data",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "auto.create.topics.enable": "false", "default.replication.factor": 1, "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 300,   # so that the workers of a process join together: with 0, a second one brings a rebalance after 3 s
            "message.max.bytes": 4 * 1024 * 1024, "log.retention.hours": -1, "num.network.threads": 2, "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024, "log.cleaner.threads": 1, "group.min.session.timeout.ms": 1000,
            "broker.session.timeout.ms": 2000, "broker.heartbeat.interval.ms": 500,
        }
        settings |= {k.replace("_", "."): v for k, v in more.items()}
        self.properties = self.dir / "server.properties"
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in settings.items() if v is not None))

    def java(self, main, *args, heap_mb=256):
        return ["java", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-Xms256m" if self.lasting else "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.level=WARN", "-cp", f"{self.lib}/*", main, *map(str, args)]

    def command(self):
        return self.java("kafka.Kafka", self.properties, heap_mb=self.heap_mb)

    def start(self):
        if not (self.dir / "data").exists():
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "--cluster-id", "aG90bGVhZC10ZXN0LTAwMQ",
                                     "--config", self.properties, *self.format_args), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        super().start()
        wait_for("answer of the broker", self._answers, self.patience)
        return self

    def _answers(self):
        from confluent_kafka.admin import AdminClient
        from confluent_kafka import KafkaException
        try:
            return bool(AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def create_topics(self, *names, partitions=8, config=None):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        topics = [NewTopic(n, num_partitions=partitions, replication_factor=1, config=config or {}) for n in names]
        for future in admin.create_topics(topics).values():
            future.result(30)
        known = lambda: {t.topic for t in admin.list_topics(timeout=10).topics.values() if len(t.partitions) == partitions and not t.error}
        wait_for(f"the broker to know {', '.join(names)}", lambda: known() >= set(names), 30)


class Redis(Server):
    """A redis-server; without persistence, unless it is told to append its writes to a file."""
    name = "redis"

    def __init__(self, append=False):
        super().__init__()
        self.append = append

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes" if self.append else "no",
                "--dir", str(self.dir), "--hash-max-listpack-entries", "128", "--hash-max-listpack-value", "1024"]

    def cut_append_file(self, rng):
        """What a crash of the machine may do: of the newest writes some are missing, down to the byte. (bytes kept, bytes that were there)"""
        newest = max((self.dir / "appendonlydir").glob("*.incr.aof"), key=lambda p: int(p.name.split(".")[-3]))
        size = newest.stat().st_size
        kept = rng.randrange(size)
        os.truncate(newest, kept)
        return kept, size

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def call(self, *words):
        """One command over a plain socket; the reply, arrays as lists, bulk strings as bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s, s.makefile("rwb") as f:
            parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
            f.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            f.flush()
            return self._reply(f)

    def _reply(self, f):
        line = f.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self._reply(f) for _ in range(int(rest))]
        if kind == b"$":
            if int(rest) < 0:
                return None
            data = f.read(int(rest) + 2)
            return data[:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return int(rest) if kind == b":" else rest

    def keys(self, pattern="*"):
        return sorted(self.call("KEYS", pattern))


class Sentinel(Redis):
    name = "sentinel"

    def __init__(self, master_port):
        super().__init__()
        (self.dir / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.dir}\nsentinel monitor main 127.0.0.1 {master_port} 1\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n")

    def command(self):
        return ["redis-server", str(self.dir / "sentinel.conf"), "--sentinel"]

    def master_port(self):
        return int(self.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])


SLOTS = 16384


class ClusterNode(Redis):
    """One node of a cluster; nodes.conf keeps its identity over a restart."""
    name = "redis-node"

    def __init__(self):
        super().__init__()
        self.bus = free_port()

    def command(self):
        return super().command() + ["--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-node-timeout", "1500",
                                    "--repl-diskless-sync-delay", "0"]

    def info(self):
        return dict(line.split(":", 1) for line in self.call("CLUSTER", "INFO").decode().split("\r\n") if ":" in line)

    def id(self):
        return self.call("CLUSTER", "MYID").decode()


class RedisCluster:
    """Nodes 0 to 2 are masters of a third of the slots each, node i + 3 is the replica of node i."""

    def __init__(self):
        self.nodes = [ClusterNode().start() for _ in range(6)]
        for i, node in enumerate(self.nodes[:3]):
            node.call("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // 3, (i + 1) * SLOTS // 3 - 1)
        for node in self.nodes[1:]:
            node.call("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus)
        wait_for("a cluster of six", lambda: all(n.info()["cluster_known_nodes"] == "6" for n in self.nodes))
        for i, node in enumerate(self.nodes[3:]):
            node.call("CLUSTER", "REPLICATE", self.nodes[i].id())
        self.wait_ok(self.nodes)
        wait_for("replicas in step", lambda: all(b"master_link_status:up" in n.call("INFO", "replication") for n in self.nodes[3:]))

    def wait_ok(self, nodes):
        wait_for("cluster_state:ok", lambda: all(n.info()["cluster_state"] == "ok" for n in nodes))

    @property
    def url(self):
        return "redis://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[:2])

    def close(self):
        for node in self.nodes:
            node.close()

    def slot(self, key):
        return self.nodes[0].call("CLUSTER", "KEYSLOT", key)

    def owner(self, slot):
        """The number of the master that was given the slot at first."""
        return next(i for i in range(3) if slot < (i + 1) * SLOTS // 3)

    def call(self, *words):
        """A command with a key, at the master that serves it."""
        for node in self.nodes[:3]:
            try:
                return node.call(*words)
            except RuntimeError as e:
                if not str(e).startswith("MOVED"):
                    raise
        raise RuntimeError(f"no master serves {words}")

    def keys(self, pattern="*"):
        return sorted({k for node in self.nodes[:3] for k in node.keys(pattern)})

    def move(self, slot, source, target):
        """As redis-cli --cluster reshard does it, key by key, slowly enough that writes fall in between."""
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
        moved = 0
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, 4):
            source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            moved += len(keys)
            time.sleep(0.05)
        for node in (target, source):
            node.call("CLUSTER", "SETSLOT", slot, "NODE", target.id())
        return moved


class Apicurio(Server):
    """Apicurio Registry with its storage in memory; `url` speaks the API of Confluent's."""
    name = "apicurio"

    def __init__(self, folder):
        super().__init__()
        self.jar = next(folder.glob("*-runner.jar"))
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def command(self):
        return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}",
                "-jar", self.jar]

    def start(self):
        super().start()
        wait_for("answer of the registry", self._answers)
        return self

    def _answers(self):
        try:
            return self.ask("/subjects") is not None
        except OSError:
            return False

    def ask(self, path, body=None):
        """JSON of a GET, or of a POST."""
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=10) as r:
            return json.load(r)


class Registry:
    """A stub of a schema registry: GET /schemas/ids/{id}, POST /subjects/{subject}/versions. `down` answers 503 to everything."""

    def __init__(self, schemas=None):
        self.schemas = dict(schemas or {})
        self.subjects = {}   # subject -> id
        self.down = False
        self.asked = []   # the paths, in order
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.asked.append(self.path)
                self._answer(*registry.answer(self.path.split("?")[0]))

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                registry.asked.append(self.path)
                self._answer(*registry.register(self.path, body))

            def _answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def answer(self, path):
        if self.down:
            return 503, {"error_code": 50301, "message": "down for the test"}
        head, _, number = path.rpartition("/")
        if head == "/schemas/ids" and number.isdigit() and int(number) in self.schemas:
            return 200, {"schema": json.dumps(self.schemas[int(number)])}
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def register(self, path, body):
        if self.down:
            return self.answer(path)
        got = re.fullmatch("/subjects/([^/]+)/versions", path)
        if not got:
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        number = next((i for i, s in self.schemas.items() if s == json.loads(json.loads(body)["schema"])), None)
        if number is None:
            number = max([100, *self.schemas]) + 1
            self.schemas[number] = json.loads(json.loads(body)["schema"])
        self.subjects[got[1]] = number
        return 200, {"id": number}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
