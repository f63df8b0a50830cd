"""A headless Chromium, driven over its DevTools pipe: no driver program, no packages (https://chromedevtools.github.io/devtools-protocol/)."""
import base64
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
         "--no-default-browser-check --disable-extensions --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe").split()


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One browser with one page. `console` holds what the page complained of; requests that left the machine are in `foreign`."""

    def __init__(self, *flags):
        self.profile = tempfile.TemporaryDirectory(prefix="hotlead-browser-", ignore_cleanup_errors=True)
        to_child, self.writer = os.pipe()
        self.reader, from_child = os.pipe()
        redirect = f'exec "$@" 3<&{to_child} 4>&{from_child}'
        self.child = subprocess.Popen(["bash", "-c", redirect, "browser", program(), *FLAGS, *flags, f"--user-data-dir={self.profile.name}", "about:blank"],
                                      pass_fds=(to_child, from_child), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      start_new_session=True)
        os.close(to_child)
        os.close(from_child)
        self.numbers, self.rest, self.answers, self.session = itertools.count(1), b"", {}, None
        self.console, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.child.kill()
        self.child.wait()
        os.close(self.writer)
        os.close(self.reader)
        self.profile.cleanup()

    # --- the protocol: JSON texts, each ended by a NUL ---

    def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params, **({"sessionId": self.session} if self.session else {})}
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda: self.answers.pop(number, None), 60)
        if answer is None:
            raise TimeoutError(f"{method} is not answered")
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _until(self, found, seconds):
        end = time.monotonic() + seconds
        while (result := found()) is None and time.monotonic() < end:
            self._read(end - time.monotonic())
        return result

    def _read(self, seconds):
        if not select.select([self.reader], [], [], max(0, seconds))[0]:
            return
        self.rest += os.read(self.reader, 1 << 20)
        *texts, self.rest = self.rest.split(b"\0")
        for text in texts:
            message = json.loads(text)
            if "id" in message:
                self.answers[message["id"]] = message
            else:
                self._event(message["method"], message["params"])

    def _event(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.console.append(params["exceptionDetails"].get("exception", {}).get("description", str(params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append((params["request"]["url"], params["request"]["headers"]))

    # --- what a person does ---

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", str(result)))
        return result["result"].get("value")

    def wait(self, condition, seconds=60):
        """Until the expression is true."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self.js(f"Boolean({condition})"):
                    return
            except RuntimeError:   # between two pages
                pass
            if time.monotonic() > end:
                shown = self.js("(document.querySelector('dialog[open]') || document.body).innerText.slice(0, 1500)")
                raise TimeoutError(f"not true within {seconds} s: {condition}; the page shows: {shown}; it complains: {self.console}")
            time.sleep(0.1)

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)}).innerText")

    def key(self, key, code=None, modifiers=0):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, modifiers=modifiers,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}.get(key, 0), **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def size(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))
