"""The local servers (Kafka, Prometheus, Alertmanager) as processes on free ports, for the demo and tests."""
