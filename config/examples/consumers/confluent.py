#!/usr/bin/env python3
"""Follow lead.transitions with confluent-kafka: a line for each move of a contact.

    pip install confluent-kafka fastavro
    python confluent.py                       # everything from the beginning, then what comes; Ctrl-C ends it
    python confluent.py --once                # what is there now

Each record is a StageTransition: five bytes of Confluent framing (0 and the schema's id), then Avro. Here the schema is read from the schemas
folder; with a Schema Registry, confluent_kafka.schema_registry.avro.AvroDeserializer does that for you.
"""
import argparse
import io
import json
import pathlib

import fastavro
from confluent_kafka import Consumer, KafkaException

SCHEMAS = pathlib.Path(__file__).resolve().parents[3] / "schemas"


def act(move):
    """What your system does with it: open a task, tell the owner, write to the CRM. It may be called again after a crash of yours, so let it be
    the same as before for a transition_id that it has seen."""
    print(move["contact_id"], move["seq"], move["from"], move["to"], move["kind"] or "-", f"{move['score']:.1f}", move["owner"] or "-", sep="\t",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bootstrap", default="localhost:9092")
    parser.add_argument("--topic", default="lead.transitions")
    parser.add_argument("--group", default="my-crm")
    parser.add_argument("--once", action="store_true", help="end when all that is there has been read")
    args = parser.parse_args()
    schema = fastavro.parse_schema(json.loads((SCHEMAS / "stage_transition.avsc").read_text()))
    consumer = Consumer({
        "bootstrap.servers": args.bootstrap, "group.id": args.group, "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",     # what an aborted transaction wrote never happened
        "enable.auto.commit": False,             # committed when it has been acted on, not before
        "enable.partition.eof": args.once,
    })
    consumer.subscribe([args.topic])
    ended = set()
    try:
        while not (args.once and ended and len(ended) == len(consumer.assignment())):
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() and message.error().name() == "_PARTITION_EOF":
                ended.add(message.partition())
                continue
            if message.error():
                raise KafkaException(message.error())
            ended.discard(message.partition())
            act(fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema, None))
            consumer.commit(message, asynchronous=False)   # thousands a second? commit each 100 messages instead
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
