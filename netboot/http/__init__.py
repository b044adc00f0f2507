"""Boot scripts and boot files over HTTP/1.1, as an ASGI application or as routes for a bigger one."""
