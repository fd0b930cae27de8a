"""A NATS cluster of your own under the hub: how workers reach it, and what each of them may do there."""
