"""Grafana's dashboards as code: one file a dashboard, rendered to JSON or pushed to a server."""
