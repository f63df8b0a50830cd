"""The way from a clone to one's own events on the page, as README.md tells it: its commands are run as they stand, but for the ports."""
import re
import shutil
import subprocess
import textwrap
import unittest

import harness
import servers

HEADING = "## Your own events, scored in ten minutes"


def commands():
    """Every line of code of the section, without what the list it stands in adds."""
    text = (harness.ROOT / "README.md").read_text()
    section = text[text.index(HEADING):]
    section = section[:section.index("\n## ", 1)]
    blocks = re.findall(r"(?:^ {4,}\S.*\n|^\n(?= {4,}\S))+", section, re.M)
    return "\n".join(map(textwrap.dedent, blocks))


class TenMinutes(unittest.TestCase):
    def test_the_commands_of_the_readme(self):
        code = commands()
        port = servers.free_port()
        harness.kafka()
        folder = harness.pathlib.Path(harness.tempfile.mkdtemp(prefix="hotlead-readme-"))
        harness.atexit.register(shutil.rmtree, folder, True)
        for name in ("config", "schemas"):
            shutil.copytree(harness.ROOT / name, folder / name)
        (folder / "build" / "demo").mkdir(parents=True)
        (folder / "build" / "demo" / "hotlead").symlink_to(harness.binary())
        self.assertIn("bash config/demo.sh", code)
        self.assertIn("apt-get install -y curl jq kcat", code)   # tests/run.sh has installed them
        code = re.sub(r"^(bash config/demo.sh|apt-get install).*$", "", code, flags=re.M)
        code = code.replace("localhost:9092", harness.kafka().bootstrap).replace("localhost:8080", f"127.0.0.1:{port}")
        code = code.replace("site.events", "readme.events")
        outputs = "outputs: {transitions: readme.t, state: readme.s, alerts: readme.a, dead_letter: readme.d}\n"
        code = code.replace("redis: {url: \"\"}\n", f"redis: {{url: \"\"}}\nhttp: {{listen: \"127.0.0.1:{port}\"}}\n{outputs}")
        code = code.replace("kafka: {bootstrap.servers:", "kafka: {group.id: readme, bootstrap.servers:")
        done = subprocess.run(["bash", "-euc", "trap 'kill %1' EXIT\n" + code], cwd=folder, capture_output=True, text=True, timeout=90)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said)
        self.assertIn("5 scored, 0 ignored", said)
        self.assertIn("why     advance from lead, cause score", said)
        self.assertRegex(said, r"readme\.events +input +4 +1 +good +created")
        self.assertRegex(said, r"u-17\n\nstage     MQL, passive, since")
        self.assertRegex(said, r"u-17\tmql\t6[0-9.]+\nu-23\tsubscriber\t0\n")

    def test_every_file_that_the_readme_names_is_there(self):
        text = (harness.ROOT / "README.md").read_text()
        links = re.findall(r"\]\((?!http|#)([^)#]+)", text)
        self.assertGreater(len(links), 10)
        self.assertEqual([l for l in links if not (harness.ROOT / l).exists()], [])


if __name__ == "__main__":
    unittest.main()
