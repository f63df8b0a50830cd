#!/usr/bin/env python3
"""Follow lead.transitions with kafka-python, where hotlead writes them as JSON: outputs: {format: json}.

    pip install kafka-python lz4
    python kafka_python.py                    # everything from the beginning, then what comes; Ctrl-C ends it
    python kafka_python.py --once             # what is there now
"""
import argparse
import json

from kafka import KafkaConsumer


def act(move):
    """What your system does with it. It may be called again after a crash of yours: go by transition_id."""
    print(move["contact_id"], move["seq"], move["from"], move["to"], move["kind"] or "-", f"{move['score']:.1f}", move["owner"] or "-", sep="\t",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bootstrap", default="localhost:9092")
    parser.add_argument("--topic", default="lead.transitions")
    parser.add_argument("--group", default="my-crm")
    parser.add_argument("--once", action="store_true", help="end when nothing has come for five seconds")
    args = parser.parse_args()
    consumer = KafkaConsumer(
        args.topic, bootstrap_servers=args.bootstrap, group_id=args.group, auto_offset_reset="earliest",
        isolation_level="read_committed",        # what an aborted transaction wrote never happened
        enable_auto_commit=False,                # committed when it has been acted on, not before
        value_deserializer=json.loads, consumer_timeout_ms=5000 if args.once else float("inf"))
    try:
        for message in consumer:
            act(message.value)
            consumer.commit()
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
