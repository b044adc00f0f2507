"""From images to a disk or partition that is right, or does not start."""
