"""The local servers (Kafka, Prometheus, Alertmanager, PostgreSQL) as processes on free ports, for demo and tests."""
