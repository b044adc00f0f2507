"""What a host is to do and how far it is: making a job, its queue, contact, reports, result, receipt."""
