"""The web pages: server-rendered, readable without scripts."""
