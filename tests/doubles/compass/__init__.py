"""A Compass on the desk: Director and Connector over real TLS, with their state in memory and faults on request."""
