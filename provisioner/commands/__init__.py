"""What can be asked of the product, a file a verb: actor and wish in; right, checks, change, audit."""
