"""The dashboards of Grafana, as code: `python -m grafana` writes them into grafana/dashboards."""
