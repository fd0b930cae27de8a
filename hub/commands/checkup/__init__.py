"""What `hub doctor` looks at: this machine, the certificates, the event store and what is in it."""
