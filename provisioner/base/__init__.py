"""What everything in the product stands on: errors, places, configuration, units. Knows no subject."""
