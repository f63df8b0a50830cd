"""A proxy for Kafka's protocol that can be slow, cut, deaf, or late with one kind of request alone.

It knows as much as it needs: each frame has its size in front, a request begins with its api key (2 bytes), version (2) and correlation id
(4), a response with the correlation id. Order within a connection and a direction is kept, as TCP would."""
import asyncio
import threading

HEARTBEAT, ADD_OFFSETS_TO_TXN, END_TXN = 12, 25, 26   # api keys


class Proxy:
    """Between `port`, where clients come, and `upstream`. A context manager; its settings may be changed at any time:

    delay       seconds that every frame takes
    deaf        nothing is passed on, in neither direction, and nothing is closed
    edit        function(api key, answer as a bytearray): may change it, the size in front included in it
    request, response   function(api key) -> seconds to keep this frame back, and what follows it on its connection; None: at once
    """

    def __init__(self, port, upstream):
        self.port, self.upstream = port, upstream
        self.delay, self.deaf, self.request, self.response, self.edit = 0.0, False, None, None, None
        self.kept_back = 0      # frames that request or response have kept back
        self.passed = 0         # of these, those that have gone on
        self.connections = 0    # that clients have made
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._client, "127.0.0.1", self.port, limit=1 << 20))
        return self

    def __exit__(self, *_):
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def cut(self):
        """Every connection is closed, at both ends. New ones are taken."""
        self._call(self._cut())

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _cut(self):
        for w in list(self._writers):
            w.transport.abort()

    async def _close(self):
        self._server.close()
        await self._cut()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _client(self, reader, writer):
        self.connections += 1
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream, limit=1 << 20)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(up_writer)
        keys = {}   # correlation id -> api key
        try:
            await asyncio.gather(self._pump(reader, up_writer, lambda frame: self._asked(frame, keys)),
                                 self._pump(up_reader, writer, lambda frame: self._answered(frame, keys)))
        except asyncio.CancelledError:
            pass   # the end; streams of Python 3.11 would report it as an error nobody has handled
        finally:
            self._writers -= {writer, up_writer}

    def _asked(self, frame, keys):
        key = int.from_bytes(frame[4:6], "big")
        keys[bytes(frame[8:12])] = key
        return self._keep_back(self.request, key)

    def _answered(self, frame, keys):
        key = keys.pop(bytes(frame[4:8]), None)
        if self.edit:
            self.edit(key, frame)
        return self._keep_back(self.response, key)

    def _keep_back(self, rule, key):
        seconds = rule(key) if rule else None
        self.kept_back += seconds is not None
        return seconds

    async def _pump(self, reader, writer, look):
        """One direction. What was kept back is passed on even when its sender has gone meanwhile."""
        try:
            while True:
                head = await reader.readexactly(4)
                frame = bytearray(head + await reader.readexactly(int.from_bytes(head, "big")))
                kept_back = look(frame)
                if kept_back or self.delay:
                    await asyncio.sleep(kept_back or self.delay)
                while self.deaf:
                    await asyncio.sleep(0.05)
                writer.write(frame)
                await writer.drain()
                self.passed += kept_back is not None
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            await asyncio.sleep(0.2)   # so that the last frame is read before the connection is seen to end
            writer.close()
