"""The log of a first start: on a broker that nobody has used yet, which makes its topics of offsets and transactions when it is asked."""
import unittest
from unittest import mock

import harness
import servers

# As Kafka has them by itself: many partitions, which take a while to come into being.
FRESH = dict(offsets_topic_num_partitions=None, transaction_state_log_num_partitions=None, group_initial_rebalance_delay_ms=None)


class FirstStart(unittest.TestCase):
    def start(self, **properties):
        broker = servers.Kafka(**properties)
        self.addCleanup(broker.close)
        broker.start()
        patch = mock.patch.object(harness, "kafka", lambda: broker)
        patch.start()
        self.addCleanup(patch.stop)
        h = harness.Setup(partitions=4, threads=4).run()
        self.addCleanup(h.kill)
        return h

    def troubles(self, h):
        return [line for line in h.log().splitlines() if " level=info " not in line]

    def test_nothing_is_told_as_trouble(self):
        h = self.start(**FRESH)
        h.wait_ready()
        self.assertEqual(h.stop(), 0)
        self.assertEqual(self.troubles(h), [])

    def test_a_coordinator_that_never_comes_is_told(self):
        h = self.start(transaction_state_log_replication_factor=3)   # Kafka's own default, and this is one broker
        servers.wait_for("the reason", lambda: len(self.troubles(h)) > 1, 30)
        first, second = self.troubles(h)[:2]
        self.assertIn(' level=warn event=waiting_for_coordinator worker=0 seconds=5 message="no broker answers yet as the coordinator of transactions; '
                      'a cluster of fewer brokers than its transaction.state.log.replication.factor never does"', first)
        self.assertIn(" worker=0 seconds=10 ", second)
        self.assertEqual(h.get("/readyz")[0], 503)
        self.assertEqual(h.stop(), 0)


if __name__ == "__main__":
    unittest.main()
