"""Boot scripts and web pages as jinja2 templates; they hold no decisions."""
