"""perf/run.sh page without its measurements: the pages ask what the page asks, and a page that saw nothing is no measurement."""
import http.server
import pathlib
import re
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "perf"))
import page  # noqa: E402  (adds tests/support to the path)
import servers  # noqa: E402
import system  # noqa: E402


class Service(http.server.BaseHTTPRequestHandler):
    asked, silent = [], ()

    def do_GET(self):
        self.asked.append(self.path)
        if self.path in self.silent:
            self.send_error(503)
            return
        body = b"id: 1\nevent: transition\ndata: {}\n\n" * 5 if self.path.startswith("/v1/transitions") else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 50


FOLLOW = "/v1/transitions?recent=40"


class Page(unittest.TestCase):
    def saw(self, *silent):
        Service.asked, Service.silent, found = [], silent, []
        with Server(("127.0.0.1", 0), Service) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with page.looking(server.server_port, 3, found):
                servers.wait_for("questions of three pages", lambda: all(Service.asked.count(p) >= 3 for p in (*page.QUESTIONS, FOLLOW)))
                time.sleep(0.3)   # the answers
            server.shutdown()
        return found[0]

    def test_three_pages_ask_and_follow(self):
        saw = self.saw()
        page.check(saw)
        self.assertGreaterEqual(min(len(v) for v in saw["answers"].values()), 3)
        self.assertTrue(all(n >= 5 for n in saw["seen"]), saw)

    def test_what_was_not_answered_ends_it(self):
        with self.assertRaisesRegex(system.Failed, r"no answer to \['/v1/funnel'\]"):
            page.check(self.saw("/v1/funnel"))
        with self.assertRaisesRegex(system.Failed, r"saw \[0, 0, 0\] transitions"):
            page.check(self.saw(FOLLOW))

    def test_the_page_asks_the_same(self):
        script = (ROOT / "src/app/web/page.js").read_text()
        pauses = {name: int(ms) / 1000 for ms, name in re.findall(r"every\((\d+), lookAt(Status|Funnel|Hottest)\b", script)}
        self.assertEqual(list(page.QUESTIONS.values()), [pauses["Status"], pauses["Hottest"], pauses["Funnel"]])
        self.assertIn('"/v1/rank?limit=15"', script)
        self.assertIn('"?recent=40"', script)

    def test_ratios_are_taken_within_a_round(self):
        run = lambda rate, cpu, looked=0: system.Run(rate, cpu, 1, {"seconds": 10, "thread_seconds": {"http": looked, "census": 0.1, "worker-0": 9}})
        saw = {"answers": {path: [0.001, 0.003, 0.002] for path in page.QUESTIONS}, "seen": [4, 6], "cpu_seconds": 1}
        rounds = [{"alone": run(100, 10), "pages": run(90, 11, 0.4), "saw": saw}, {"alone": run(200, 20), "pages": run(190, 21, 0.4), "saw": saw},
                  {"alone": run(50, 5), "pages": run(49, 5), "saw": saw}]
        found = {m["name"]: m for m in page.measurements(rounds)}
        self.assertEqual((found["score_with_pages"]["ratio"], found["cpu_with_pages"]["ratio"]), (0.95, 1.05))
        self.assertEqual((found["looking_alone"]["median"], found["looking_with_pages"]["median"]), (0.01, 0.05))
        self.assertEqual((found["answer_status"]["median"], found["slowest_answer_rank"]["max"], found["transitions_seen_by_a_page"]["median"]), (2, 3, 5))


if __name__ == "__main__":
    unittest.main()
