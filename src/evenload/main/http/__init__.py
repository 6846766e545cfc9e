"""The HTTP server around the WSGI application. It knows nothing of the application."""
