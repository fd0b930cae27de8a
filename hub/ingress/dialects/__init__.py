"""Wire formats of ingress, one file each: bytes in, drafts out, and the answer that the format owes."""
