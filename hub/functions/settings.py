"""Settings of functions."""

from pydantic import BaseModel, Field


class FunctionsSettings(BaseModel):
    """How Functions are run."""

    timeout_seconds: float = Field(180, gt=0, description="""Seconds one invocation may take before its process is
        replaced and the caller is answered 408. A Function overrides it by the environment variable `FUNC_TIMEOUT`, as
        upstream; a Subscription's own timeout is shorter still.""")
    concurrency: int = Field(16, ge=1, le=500, description="""Invocations in hand at once per process of a Function;
        more wait their turn.""")
    start_seconds: float = Field(30, gt=0, description="""Seconds a Function's process may take to load its handler.""")
    grace_seconds: float = Field(5, ge=0, description="""Seconds a process that is being replaced may take to finish
        the invocations it has in hand, before it is killed.""")
    retry_initial_seconds: float = Field(0.5, gt=0, description="""First pause before a process that ended, or a
        deployment that failed for a passing reason, is tried again; it doubles from there.""")
    retry_max_seconds: float = Field(60, gt=0, description="""Longest such pause.""")
    install_seconds: float = Field(600, gt=0, description="""Seconds the installation of one Function's dependencies
        may take.""")
    body_limit_bytes: int = Field(10 * 1024 * 1024, ge=1, description="""Largest body of an invocation over HTTP, in
        bytes; larger ones are answered 413.""")
    answer_limit_bytes: int = Field(50 * 1024, ge=0, description="""Bytes of a Function's answer that are handed back
        to the delivery of an event; the rest is cut.""")
    log_limit_bytes: int = Field(10 * 1024 * 1024, ge=4096, description="""Size at which a Function's log file is
        turned over; the one before is kept as `.1`.""")
    deploy_attempts: int = Field(10, ge=0, description="""How often a deployment that failed for a reason that may pass
        (an installation, an import) is tried again by itself; a change of the Function starts anew.""")
    publisher_url: str | None = Field(None, description="""Where Functions publish events, as
        `PUBLISHER_PROXY_ADDRESS` in their environment. Absent: `/publish` on the internal listener.""")
    gateway_url: str = Field("http://127.0.0.1:8083", description="""Address of the Application Gateway, as
        `GATEWAY_URL` in the environment of Functions.""")
