"""Settings of functions."""

from pydantic import BaseModel, Field


class FunctionsSettings(BaseModel):
    """How Functions are run."""

    timeout_seconds: float = Field(180, gt=0, description="""Seconds one invocation may take before its process is
        replaced and the caller is answered 408. A Function overrides it by the environment variable `FUNC_TIMEOUT`, as
        upstream; a Subscription's own timeout is shorter still.""")
    concurrency: int = Field(16, ge=1, le=500, description="""Invocations in hand at once per process of a Function;
        more wait their turn. A Function overrides it by the environment variable `FUNC_CONCURRENCY`.""")
    warm: int = Field(1, ge=0, le=32, description="""Interpreters that are kept started for whichever Function needs a
        process next, per process of the hub that runs Functions; none while there are no Functions. Each takes some
        10 MB. 0: every process is started when it is needed.""")
    start_seconds: float = Field(30, gt=0, description="""Seconds a Function's process may take to load its handler.""")
    grace_seconds: float = Field(5, ge=0, description="""Seconds a process that is being replaced may take to finish
        the invocations it has in hand, before it is killed.""")
    retry_initial_seconds: float = Field(0.5, gt=0, description="""First pause before a process that ended, or a
        deployment that failed for a passing reason, is tried again; it doubles from there.""")
    retry_max_seconds: float = Field(60, gt=0, description="""Longest such pause.""")
    install_seconds: float = Field(600, gt=0, description="""Seconds the installation of one Function's dependencies
        may take.""")
    backlog: int = Field(10_000, ge=1, description="""Calls of one Function that may wait for a process with room; more
        are refused at once and may be tried again.""")
    idle_seconds: float = Field(300, ge=0, description="""Seconds without a call after which a process beyond the
        Function's least number is ended; 0 keeps it for ever.""")
    body_limit_bytes: int = Field(10 * 1024 * 1024, ge=1, description="""Largest body of an invocation over HTTP, in
        bytes; larger ones are answered 413.""")
    answer_limit_bytes: int = Field(50 * 1024, ge=0, description="""Bytes of a Function's answer that are handed back
        to the delivery of an event; the rest is cut.""")
    log_limit_bytes: int = Field(10 * 1024 * 1024, ge=4096, description="""Size at which a Function's log file is
        turned over; the one before is kept as `.1`.""")
    deploy_attempts: int = Field(10, ge=0, description="""How often a deployment that failed for a reason that may pass
        (an installation, an import) is tried again by itself; a change of the Function starts anew.""")
    revisions_kept: int = Field(10, ge=2, description="""Revisions of each Function that are kept, to go back to or to
        give a share of the calls; those that have one stay in any case.""")
    publisher_url: str | None = Field(None, description="""Where Functions publish events, as
        `PUBLISHER_PROXY_ADDRESS` in their environment. Absent: `/publish` on the internal listener.""")
    gateway_url: str = Field("http://127.0.0.1:8083", description="""Address of the Application Gateway, as
        `GATEWAY_URL` in the environment of Functions.""")
    trace_collector_url: str | None = Field(None, description="""Where Functions that trace themselves send their spans,
        as `TRACE_COLLECTOR_ENDPOINT` in their environment. Absent: `HUB_TRACING__ENDPOINT`.""")
    node: str | None = Field(None, description="""Path of the Node interpreter for Node Functions. Absent: that of the
        extra `node`, else the machine's own.""")
    confined: bool = Field(True, description="""Whether the kernel keeps Functions and installers of dependencies away
        from every file that is not theirs or the system's (Landlock, where the kernel has it).""")
    control_groups: bool = Field(True, description="""Whether each process of a Function gets a control group with the
        memory, processor and number of processes of its profile, where the hub may make some.""")
    readable: list[str] = Field([], description="""Further paths that Functions and installers may read, such as a
        directory of packages.""")
    writable: list[str] = Field([], description="""Further paths that Functions may read and write.""")
    processes_limit: int = Field(256, ge=8, description="""Threads and processes that one process of a Function may
        have, itself included.""")
    open_files_limit: int = Field(1024, ge=64, description="""Files and sockets a process of a Function may have
        open.""")
    git_seconds: float = Field(120, gt=0, description="""Seconds a Git repository may take to be looked up or
        fetched.""")
    git_poll_seconds: float = Field(300, gt=0, description="""Pause between look-ups of a branch or tag that a Function
        is taken from; upstream's is five minutes as well.""")
