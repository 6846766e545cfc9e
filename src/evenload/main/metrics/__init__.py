"""Numbers for Prometheus, of both roles: what each means is in ``catalogue``, who collects them in its neighbours.

Imported only where ``[server] metrics_port`` is set, before the server gives its privileges up; nobody else imports
prometheus_client.
"""
