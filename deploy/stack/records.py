"""Everything that stands on a topic of a local broker."""

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition


def records_of(bootstrap: str, topic: str) -> Iterator[Any]:
    """kafka-python's records of a topic as it is now, in each partition's order; none if there is no such topic.

    Partitions are assigned by hand: a subscription may come empty after a broker's restart.
    """
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        parts = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not parts:
            return
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        while any(consumer.position(part) < ends[part] for part in parts):
            for batch in consumer.poll(timeout_ms=500).values():
                yield from batch
    finally:
        consumer.close()
