"""Events from nats-server into deliveries and back into acknowledgements: the part of dispatch that knows NATS."""
